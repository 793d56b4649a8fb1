/** The page about the HTTP interface, made of its OpenAPI description. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { HTTP, PAGES, PROJECT, sitePath } from "./paths.mjs";

/** Writes the page. */
export function writeHttp() {
  const description = JSON.parse(readFileSync(PROJECT + HTTP.source, "utf8"));
  mkdirSync(dirname(PAGES + HTTP.page), { recursive: true });
  writeFileSync(PAGES + HTTP.page, httpPage(description));
}

/** Returns the page, as Markdown. Its operations are grouped by their first tag, in the order of the tags. */
export function httpPage(description) {
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      ...operation,
    })),
  );
  const groups = description.tags.flatMap(({ name, description: about }) => [
    `## ${title(name)}`,
    about,
    ...operations
      .filter(({ tags }) => tags[0] === name)
      .flatMap((operation) => section(operation, description)),
  ]);
  const schemas = Object.entries(description.components.schemas).flatMap(([name, schema]) => [
    `### ${name}`,
    schema.description,
    fields(schema),
  ]);
  return `${[
    `# ${HTTP.text}`,
    `${description.info.description} This page is made of its [OpenAPI description](https://www.openapis.org): \`${HTTP.source}\`.`,
    `[The HTTP interface](/${sitePath(HTTP.parent)}) explains it, and [Errors](/errors.md) lists all codes.`,
    ...groups,
    "## Schemas",
    ...schemas,
  ]
    .filter((block) => block !== undefined && block !== "")
    .join("\n\n")}\n`;
}

const title = (name) => name[0].toUpperCase() + name.slice(1);

/** Returns the blocks of an operation. */
function section(operation, { security: usual, components }) {
  const {
    method,
    path,
    summary,
    description,
    security = usual,
    parameters = [],
    requestBody,
    responses,
  } = operation;
  const all = parameters.map((parameter) => resolved(parameter, components));
  return [
    `### ${summary}`,
    `\`${method} ${path}\``,
    description,
    authorization(security),
    table(
      ["parameter", "in", "type", "meaning"],
      all.map(({ name, in: place, schema, required, description: about }) => [
        `\`${name}\`${required ? " (required)" : ""}`,
        place,
        typeOf(schema),
        about,
      ]),
    ),
    requestBody === undefined ? undefined : `The body is ${contents(requestBody, components)}.`,
    table(["status", "response"], answers(responses, components)),
  ];
}

function authorization(security) {
  if (security.length === 0) return "Needs no token.";
  const isOptional = security.some((requirement) => Object.keys(requirement).length === 0);
  return isOptional
    ? "May need a token: `Authorization: Bearer …`."
    : "Needs a token: `Authorization: Bearer …`.";
}

/** Returns a row for each different response, with all its statuses. */
function answers(responses, components) {
  const rows = new Map();
  for (const [status, response] of Object.entries(responses)) {
    const row = `${resolved(response, components).description} ${contents(response, components)}`.trim();
    rows.set(row, [...(rows.get(row) ?? []), status === "default" ? "other" : status]);
  }
  return [...rows].map(([row, statuses]) => [statuses.join(", "), row]);
}

/** Returns what a `$ref` refers to, or the object itself. */
function resolved(object, components) {
  if (object.$ref === undefined) return object;
  const [, , kind, name] = object.$ref.split("/");
  return components[kind][name];
}

/** Returns the media types of a body, with their schemas. */
function contents(body, components) {
  const { content = {} } = resolved(body, components);
  return Object.entries(content)
    .map(([type, { schema }]) =>
      schema.$ref === undefined ? `\`${type}\`` : `\`${type}\` ${typeOf(schema)}`,
    )
    .join(" or ");
}

/** Returns a table of the fields of an object, or nothing if it states none. */
function fields({ properties = {}, required = [] }, prefix = "") {
  const rows = (properties, required, prefix) =>
    Object.entries(properties).flatMap(([name, schema]) => [
      [
        `\`${prefix}${name}\`${required.includes(name) ? "" : " (optional)"}`,
        typeOf(schema),
        schema.description ?? "",
      ],
      ...rows(schema.properties ?? {}, schema.required ?? [], `${prefix}${name}.`),
    ]);
  return table(["field", "type", "meaning"], rows(properties, required, prefix));
}

/** Returns the type of a schema in a few words. */
function typeOf(schema) {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1);
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(", ");
  if (schema.type === "array") return `array of ${typeOf(schema.items)}`;
  const type = schema.type ?? "any";
  return schema.format === undefined ? type : `${type}, ${schema.format}`;
}

function table(head, rows) {
  if (rows.length === 0) return undefined;
  const line = (cells) => `| ${cells.map((cell) => (cell ?? "").replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
