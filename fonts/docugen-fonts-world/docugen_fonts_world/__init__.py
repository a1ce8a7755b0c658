"""Font files for DocuGen, listed in fonts.toml. No code: DocuGen finds this folder by the entry point and never imports it."""
