"""How text is set before a template says anything: fonts, language, direction. One rule, put ahead of the template.

    #set text(font: ("IBM Plex Sans", "IBM Plex Sans Arabic"), fallback: false, lang: "ar", region: "EG", dir: rtl);

So every template gets it, also one that does not import `docugen.typ`, and may override each part but the last resort: with
`fallback: false` Typst never looks in fonts that nobody named. Language and region choose a font's local letter forms, the
direction is the one Babel knows of the locale's script.
"""

from __future__ import annotations

from docugen_core.rendering.font_families import pack_families
from docugen_core.rendering.fonts import MAIN_FAMILY, families, font_chain, installed_fonts
from docugen_core.rendering.locale import cldr_locale, locale_facts
from docugen_core.rendering.task import RenderTask

_HAN = ("ja", "ko", "zh")
_TRADITIONAL = ("HK", "MO", "TW")


def text_rule(task: RenderTask) -> str:
    """The rule for the document's locale and the template's fonts. Raises RenderFailed for a family that is not installed."""
    cldr = cldr_locale(task.world.locale)
    known = tuple(sorted({*families(installed_fonts()), *pack_families(task.pack.files)}))
    script = cldr.script or ("Hant" if cldr.territory in _TRADITIONAL else "")
    chain = font_chain(task.pack.templates[task.template].fonts, known, cldr.language, script)
    fonts = ", ".join(_typst_text(family) for family in chain)
    if cldr.language in _HAN and chain[0] == MAIN_FAMILY:
        # A Latin face has quotes and dashes too, of half the width that Han text needs: only letters and digits come from it.
        fonts = fonts.replace(
            _typst_text(MAIN_FAMILY), f'(name: {_typst_text(MAIN_FAMILY)}, covers: "latin-in-cjk")', 1
        )
    region = f'"{cldr.territory}"' if cldr.territory and cldr.territory.isalpha() else "none"
    direction = locale_facts(task.world.locale)["direction"]
    return f'#set text(font: ({fonts},), fallback: false, lang: "{cldr.language}", region: {region}, dir: {direction});'


def _typst_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
