import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { randomImage } from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";

const exporter = new InMemorySpanExporter();

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const spanProcessors = [new SimpleSpanProcessor(exporter)];
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }));
});

beforeEach(() => exporter.reset());

afterAll(() => {
  trace.disable();
  context.disable();
});

function named(name: string): readonly ReadableSpan[] {
  return exporter.getFinishedSpans().filter((span) => span.name === name);
}

it("a pull is a span, and each request of it one below", async () => {
  await using registry = await ScriptedRegistry.start();
  registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
  await using lading = await open({ root: await temporaryFolder(), openTelemetry: true });
  const reference = `${registry.address}/app:1`;
  await trace.getTracer("test").startActiveSpan("mine", async (span) => {
    await lading.pull(reference);
    span.end();
  });
  const [mine] = named("mine");
  const [pull] = named("lading.pull");
  expect(pull?.attributes).toEqual({ "lading.reference": reference });
  expect(pull?.parentSpanContext?.spanId).toBe(mine?.spanContext().spanId);
  const requests = [...named("GET"), ...named("HEAD")].filter(
    ({ attributes }) => attributes["http.response.status_code"] !== undefined,
  );
  expect(requests).toHaveLength(registry.received.length);
  for (const { kind, attributes, parentSpanContext, status } of requests) {
    expect(kind).toBe(SpanKind.CLIENT);
    expect(parentSpanContext?.spanId).toBe(pull?.spanContext().spanId);
    expect(status.code).toBe(SpanStatusCode.UNSET);
    expect(attributes).toMatchObject({
      "http.response.status_code": 200,
      "server.address": "127.0.0.1",
      "server.port": registry.port,
      "lading.role": "registry",
    });
  }
  // Registries are third parties.
  for (const { headers } of registry.received) expect(headers).not.toHaveProperty("traceparent");
});

it("what fails is an error of its span", async () => {
  await using registry = await ScriptedRegistry.start();
  await using lading = await open({ root: await temporaryFolder(), openTelemetry: true });
  await expect(lading.pull(`${registry.address}/app:none`)).rejects.toThrow();
  const [pull] = named("lading.pull");
  expect(pull?.status.code).toBe(SpanStatusCode.ERROR);
  expect(pull?.attributes["error.type"]).toBe("not-found");
  const refused = [...named("GET"), ...named("HEAD")].filter(
    ({ attributes }) => attributes["http.response.status_code"] === 404,
  );
  expect(refused.length).toBeGreaterThan(0);
  for (const { attributes, status } of refused) {
    expect(attributes["error.type"]).toBe("404");
    expect(status.code).toBe(SpanStatusCode.ERROR);
  }
});

it("nothing is made of it unless it is asked for", async () => {
  await using registry = await ScriptedRegistry.start();
  registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
  await using lading = await open({ root: await temporaryFolder() });
  await lading.pull(`${registry.address}/app:1`);
  expect(exporter.getFinishedSpans()).toEqual([]);
});
