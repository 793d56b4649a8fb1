import assert from "node:assert/strict";
import { test } from "node:test";
import {
  actorQuery,
  endpointQuery,
  searchFragment,
  sessionQuery,
  signerQuery,
} from "../../console/event-links.ts";

test("actor, signer: are quoted, so that no part of a name is a condition", () => {
  assert.equal(actorQuery("user:u_1"), 'actor:"user:u_1"');
  assert.equal(actorQuery('a" OR b*'), 'actor:"a\\" OR b\\*"');
  assert.equal(signerQuery("log.example/app"), 'signer:"log.example/app"');
});

test("session: uses the field of its source, or all fields if the source isn't known", () => {
  assert.equal(sessionQuery("s_1", "Okta"), 'authenticationContext.externalSessionId=="s_1"');
  assert.equal(
    sessionQuery("s_1", undefined),
    'actor.session=="s_1" OR authenticationContext.externalSessionId=="s_1" OR context.session_id=="s_1"',
  );
});

test("endpoint: a parameter is one segment of the path", () => {
  const get = (path: string, parser?: string) => endpointQuery({ method: "GET", path }, parser);
  assert.equal(get("/jobs"), 'http.method:"GET" http.path:"/jobs"');
  assert.equal(get("/jobs/{number}"), 'http.method:"GET" http.path:/jobs/* -http.path:/jobs/*/*');
  assert.equal(
    get("/a/{id}/b/{id}", "ECS"),
    'http.request.method:"GET" url.path:/a/*/b/* -url.path:/a/*/*/b/* -url.path:/a/*/b/*/*',
  );
  // Characters that only a quoted value can contain match any.
  assert.match(get("/a,b/{id}"), /^http\.method:"GET" http\.path:\/a\*b\/\* -/);
  assert.equal(get("/api/v1/pods", "Kubernetes"), "requestURI:/api/v1/pods* -requestURI:/api/v1/pods*/*");
});

test("endpoint: a service is named by the field of its source, or its parser", () => {
  const of = { service: "s3.amazonaws.com", operation: "GetObject" };
  assert.equal(endpointQuery(of, "CloudTrail"), 'eventSource:"s3.amazonaws.com" action:"GetObject"');
  const okta = { service: "Okta", operation: "user.session.start" };
  assert.equal(endpointQuery(okta, "Okta"), 'as:"Okta" action:"user.session.start"');
  assert.equal(endpointQuery(okta, undefined), 'action:"user.session.start"');
});

test("fragment: sets the search of a viewer, and keeps the rest", () => {
  assert.equal(
    searchFragment("#tab=search&limit=100&s.q=old&s.filter=a&s.line=7&s.tz=local", "s.", "actor:x"),
    "#tab=search&limit=100&s.q=actor%3Ax&s.tz=local",
  );
});
