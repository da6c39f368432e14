import { parentPort } from "node:worker_threads";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { loadKernel } from "../../disk/kernel/load.ts";
import { openTree } from "../../disk/tree/open-tree.ts";
import { LadingError } from "../../errors.ts";
import { byteStringOf } from "../../tar/byte-string.ts";
import { type CreateDecoder, loadDecoders } from "../decode/decoder.ts";
import { cloneLayer } from "../merge/clone.ts";
import { mergeLayer } from "../merge/merge.ts";
import { toFailedWork } from "./failed-work.ts";
import type { Envelope, UnpackProgress, WorkerReply } from "./protocol.ts";
import { inflateLayer, unpackLayer } from "./unpack.ts";

const REPORT_MS = 100;

/** What depends on the optional native calls, with them and without. */
interface Tools {
  readonly kernel: Kernel | undefined;
  readonly createDecoder: CreateDecoder;
}

const tools = new Map<boolean, Promise<Tools>>();

function loadTools(native: boolean): Promise<Tools> {
  const loaded = tools.get(native) ?? load(native);
  tools.set(native, loaded);
  return loaded;
}

async function load(native: boolean): Promise<Tools> {
  const kernel = native ? await loadKernel() : undefined;
  return { kernel, createDecoder: await loadDecoders({ native }) };
}

parentPort?.on("message", (envelope: Envelope) => {
  void perform(envelope).then((reply) => parentPort?.postMessage(reply));
});

async function perform(envelope: Envelope): Promise<WorkerReply> {
  const { id, request, native } = envelope;
  try {
    const { kernel, createDecoder } = await loadTools(native);
    const { wanted, report } = contact(envelope);
    switch (request.type) {
      case "unpack": {
        const record = unpackLayer(request, {
          kernel,
          createDecoder,
          wanted,
          report,
        });
        return record === undefined
          ? { id, type: "interrupted" }
          : { id, type: "unpacked", record };
      }
      case "inflate": {
        const whole = inflateLayer(request, { createDecoder, wanted });
        return { id, type: whole ? "done" : "interrupted" };
      }
      case "clone":
        cloneLayer(request, kernel, wanted);
        return { id, type: "done" };
      case "merge":
        mergeLayer(request, kernel, wanted);
        return { id, type: "done" };
      case "remove": {
        using tree = openTree(request.parent, kernel);
        tree.remove(tree.root, byteStringOf(request.name));
        return { id, type: "done" };
      }
    }
  } catch (error) {
    return { id, type: "failed", error: toFailedWork(error) };
  }
}

/** How work looks up now and then: to see whether it is still wanted, and to say how far it is. */
interface Contact {
  wanted(): void;
  report(progress: UnpackProgress): void;
}

/** Reports are rare, since each is a message to the thread that also moves the bytes. */
function contact({ id, cancelled }: Envelope): Contact {
  const cell = new Int32Array(cancelled);
  let last = performance.now();
  let latest: UnpackProgress | undefined;
  const tell = (): void => {
    const now = performance.now();
    if (latest === undefined || now - last < REPORT_MS) return;
    last = now;
    parentPort?.postMessage({ id, type: "progress", progress: latest } satisfies WorkerReply);
    latest = undefined;
  };
  return {
    wanted() {
      if (Atomics.load(cell, 0) !== 0) throw new LadingError("aborted", "aborted by the caller");
      tell();
    },
    report(progress) {
      latest = progress;
      tell();
    },
  };
}
