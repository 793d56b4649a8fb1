import { once } from "../../once.mjs";

export const dynamic = "force-dynamic";

export default async function Page() {
  return <p id="said">{await once()}</p>;
}
