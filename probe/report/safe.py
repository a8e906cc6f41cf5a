"""What a hostile server wrote, made harmless for a terminal.

Law: every text that came from the network passes here before it is printed. JSON stays exact and does not.
"""

from __future__ import annotations

# Marks that change the direction of text, or cannot be seen, and so can disguise what stands there.
_DISGUISE = frozenset(
    [*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0x00AD, 0x061C, 0x180E]
)


def safe(text: str, longest: int = 300) -> str:
    """The text without control characters, direction marks, invisible characters and lone surrogates."""
    if text.isascii() and text.isprintable() and len(text) <= longest:
        return text
    clean = "".join(c if c.isprintable() and ord(c) not in _DISGUISE else "\N{REPLACEMENT CHARACTER}" for c in text)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
