export function GET() {
  throw new Error("of the handler's");
}
