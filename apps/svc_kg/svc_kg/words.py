"""List the words that tell names from other capitalised words, and kinds of names from each other."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _words("Mr Mrs Ms Miss Dr Prof Professor Sir Dame Lady Lord Herr Frau")

LEGAL_FORMS = _words("""
    GmbH AG KG SE eG OHG Ltd Limited Inc Incorporated LLC LLP Corp Corporation Co Company plc PLC
    BV B.V. NV N.V. SA S.A. SARL SpA Oy AB A/S
""")

ORGANISATION_WORDS = _words("""
    University Institute Bank Foundation Association Group Ministry Museum Hospital Agency Union Society
    Committee Partners Holding Holdings Consulting Laboratories Labs
""")

#: Small words inside a name, as in Ludwig van Beethoven.
PARTICLES = _words("von van de der den du la le di da")

#: Words that are capitalised for other reasons than being a name.
NO_NAMES = _words("""
    A An The This That These Those He She It They We I You His Her Its Their Our My Your Who Which What
    In On At By From To For With Of And But Or If When While After Before Since Until Then There Here As
    Yesterday Today Tomorrow Later Now Also Both However Meanwhile Invoice Total Payment No Not Yes
    January February March April May June July August September October November December
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday
    CEO CTO CFO COO Managing Director President Chairman Chairwoman Chair Founder Head
""")

#: Words that begin a sentence before a name, and whose endings do not tell that they are adverbs.
ADVERBS = _words("""
    Already Apparently Certainly Clearly Currently Earlier Eventually Finally Formerly Furthermore Hence Indeed
    Initially Instead Lately Likewise Moreover Nevertheless Nonetheless Obviously Officially Once Only Originally
    Perhaps Probably Recently Sadly Similarly Soon Still Thus Therefore Together Ultimately Usually
""")
