/** The longest settings file. More than a person writes, little enough to be held. */
export const MAX_SETTINGS_BYTES: number = 1024 * 1024;
