/** The package's version; a test keeps it the one of package.json, which is not read at start. */
export const version = "0.1.0";
