import { parentPort } from "node:worker_threads";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { loadKernel } from "../../disk/kernel/load.ts";
import { openTree } from "../../disk/tree/open-tree.ts";
import { syncTree } from "../../disk/tree/sync.ts";
import { byteStringOf } from "../../tar/byte-string.ts";
import { type CreateDecoder, loadDecoders } from "../decode/decoder.ts";
import { makeFixup } from "../fixup/fixup.ts";
import { cloneLayer } from "../merge/clone.ts";
import { mergeLayer } from "../merge/merge.ts";
import { contactOf } from "./contact.ts";
import { toFailedWork } from "./failed-work.ts";
import type { Envelope, WorkerReply } from "./protocol.ts";
import { inflateLayer, unpackLayer } from "./unpack.ts";

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
    const contact = contactOf(envelope);
    switch (request.type) {
      case "unpack": {
        const record = unpackLayer(request, { kernel, createDecoder, contact });
        return record === undefined
          ? { id, type: "interrupted" }
          : { id, type: "unpacked", record };
      }
      case "inflate": {
        const whole = inflateLayer(request, { createDecoder, contact });
        return { id, type: whole ? "done" : "interrupted" };
      }
      case "clone":
        cloneLayer(request, kernel, contact.wanted);
        return { id, type: "done" };
      case "merge":
        mergeLayer(request, kernel, contact.wanted);
        return { id, type: "done" };
      case "sync": {
        using tree = openTree(request.path, kernel);
        syncTree(tree, contact.wanted);
        return { id, type: "done" };
      }
      case "fixup":
        makeFixup(request, kernel, contact.wanted);
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
