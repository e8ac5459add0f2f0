"""What ends in a full stop and yet ends no sentence: titles, initials and days of a month, in several languages."""

from __future__ import annotations

import re

# A title stands before a name, so no sentence ends after it. "St." and "Jr." are missing: a sentence may end there.
TITLES = (
    "Mr Mrs Ms Mx Dr Prof Rev Hon Pres Gov Sen Rep Capt Cpt Col Gen Lt Sgt Cpl Maj Cmdr Adm Fr Messrs Mt Ft Mme Mmes"
    " Mlle MM M Mgr Hr Hrn Sra Srta Dra Profa Sig Dott Avv dhr mevr mw bp"
)
TITLE = re.compile(rf"(?<![\w.'’])(?:{TITLES.replace(' ', '|')})\.\s*$")
INITIALS = re.compile(r"\s*(?:[^\W\d_]\.[\s-]?)+\s*")  # "J. K. " alone: a name begins with it
DAY = re.compile(r"(?<![\w.,:])(?:[12]?\d|3[01])\.\s*$")
MONTH = re.compile(
    r"\s*(?:jan|feb|mar|mär|mrt|maa|apr|mai|maj|mei|jun|jul|aug|sep|okt|oct|nov|dez|dec|des)[^\W\d_]*\b", re.IGNORECASE
)
WORD = re.compile(r"\s*[^\W\d_]*")


def goes_on_after(before: str, after: str) -> bool:
    """Whether the full stop at the end of `before` is that of a title, of initials or of a day ("3. Mai").

    before: the sentence so far, with the white space after it. after: what follows.
    """
    if TITLE.search(before) or INITIALS.fullmatch(before):
        return True
    return bool(DAY.search(before) and MONTH.match(after))


def may_go_on_after(before: str, after: str = "") -> bool:
    """The same, where only the beginning of what follows is known: True as long as it may still become so."""
    if DAY.search(before) and WORD.fullmatch(after):
        return True
    return goes_on_after(before, after)
