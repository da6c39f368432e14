import type { OperationOptions } from "../../content/events.ts";
import { findLayer } from "../../layer/cache/cached-layer.ts";
import { ImageUnpack } from "../../layer/engine/image-unpack.ts";
import type { UnpackSettings } from "../../layer/engine/layer-unpack.ts";
import type { Session } from "../session.ts";
import { LayerConsumer } from "./layer-consumer.ts";
import { type LayerOptions, unpackSettings } from "./options.ts";

/** Unpacks into the store's layer cache whatever is pulled. */
export async function cacheConsumer(
  session: Session,
  options: LayerOptions & OperationOptions,
): Promise<LayerConsumer> {
  return cacheConsumerWith(session, await cacheSettings(session, options), options);
}

export async function cacheConsumerWith(
  session: Session,
  settings: UnpackSettings,
  { signal, onEvent }: OperationOptions,
): Promise<LayerConsumer> {
  const store = await session.store();
  const { layout } = store;
  const { pool, cache } = await session.layers();
  const { formName } = settings;
  const destination = cache.inForm(formName, settings);
  const blobPath = layout.blob.bind(layout);
  return new LayerConsumer({
    begin: (layers) =>
      new ImageUnpack(layers, { pool, destination, settings, blobPath, signal, onEvent }),
    has: async (diffId) => (await findLayer(layout, diffId, formName)) !== undefined,
    isDiscarded: (digest) => store.isDiscarded(digest),
  });
}

/** How layers of the cache are written for these options. */
export async function cacheSettings(
  session: Session,
  options: LayerOptions & OperationOptions,
): Promise<UnpackSettings> {
  const { layout } = await session.store();
  const { folding, overlay } = await session.layers();
  return unpackSettings(options, layout.layers, { folding, overlay });
}
