export { MadeContent } from "./content.ts";
export { type IndexMember, type IndexShape, makeIndex } from "./make-index.ts";
export {
  addImage,
  addLayer,
  type Compression,
  hasZstd,
  type ImageShape,
  type MadeImage,
  type MadeLayer,
  randomImage,
} from "./random-image.ts";
export { type LayersShape, type MadeLayers, type Moot, randomLayers } from "./random-layers.ts";
export { createRegistry, type TestRegistry } from "./registry.ts";
export { type Validated, validateImage } from "./validate.ts";
