// `npm run build` checks types with tsc, because Next.js can't run TypeScript 7 itself.
export default { typescript: { ignoreBuildErrors: true } };
