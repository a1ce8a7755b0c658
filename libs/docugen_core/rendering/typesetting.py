"""How text is set before a template says anything: fonts, language, direction. One rule, put ahead of the template.

    #set text(font: ("IBM Plex Sans", "IBM Plex Sans Arabic"), fallback: false, lang: "ar", region: "EG", dir: rtl);

So every template gets it, also one that does not import `docugen.typ`, and may override each part but the last resort: with
`fallback: false` Typst never looks in fonts that nobody named. Language and region choose a font's local letter forms, the
direction is the one Babel knows of the locale's script.
"""

from __future__ import annotations

from docugen_core.rendering.fonts import MAIN_FAMILY, families, font_chain, installed_fonts, is_drawn_for
from docugen_core.rendering.locale import cldr_locale, locale_facts
from docugen_core.rendering.task import RenderTask


def text_rule(task: RenderTask) -> str:
    """The rule for the document's locale and the template's fonts. Raises RenderFailed for a family that is not installed."""
    cldr = cldr_locale(task.world.locale)
    script = cldr.script or ""
    declared, own = task.pack.templates[task.template].fonts, families(task.pack.fonts.values())
    chain = font_chain(declared, families(installed_fonts()), cldr.language, script, own)
    fonts = [_typst_text(family) for family in chain]
    native = [place for place, family in enumerate(chain) if is_drawn_for(family, cldr.language, script)]
    if native and chain[0] == MAIN_FAMILY:
        # A Latin face has quotes and dashes too, of half the width that Han text needs: from it come letters and digits, and
        # the rest only where the Han face has none.
        fonts.insert(native[-1] + 1, fonts[0])
        fonts[0] = f'(name: {fonts[0]}, covers: "latin-in-cjk")'
    region = f'"{cldr.territory}"' if cldr.territory and cldr.territory.isalpha() else "none"
    direction = locale_facts(task.world.locale)["direction"]
    fonts_text = ", ".join(fonts)
    return f'#set text(font: ({fonts_text},), fallback: false, lang: "{cldr.language}", region: {region}, dir: {direction});'


def _typst_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
