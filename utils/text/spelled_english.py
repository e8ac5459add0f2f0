"""English text in words: rules, one after another, for what a voice that only reads letters can't read."""

from __future__ import annotations

import re

from utils.text.spelled_dates import DATES
from utils.text.spelled_names import NAMES
from utils.text.spelled_numbers import PHONE, digits, phone, words
from utils.text.spelled_rules import NUMBER, Rule, always, rule
from utils.text.spelled_words import (
    CURRENCIES,
    CURRENCY_CODES,
    GREEK,
    PARTS_OF_ONE,
    POWERS,
    SIGNS,
    SPOKEN_CAPITALS,
    UNITS,
)

SCALES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion", "tn": "trillion"}
SCALE = r"(?:\s?(?P<long>thousand|million|billion|trillion)\b|\s?(?P<short>k|m|bn|tn)\b)?"
SIGN = f"[{''.join(CURRENCIES)}]"
CODE = "|".join(CURRENCY_CODES)
UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
LONGEST_NUMBER = 15  # digits: a longer number is no quantity, and is read digit by digit
QUANTITY = re.compile(r"\s+(?:people|men|women|children|[a-z]+s)\b")
SHOUTED = re.compile(r"[A-Z]{2,}(?: [A-Z]{2,}){2,}")


def spelled_english(text: str) -> str:
    """The text in words; a text of words as it is."""
    for pattern, replace in ENGLISH:
        text = pattern.sub(replace, text)
    return text


def _cardinal(match: re.Match[str]) -> str:
    number = match[0]
    whole = number.replace(",", "").split(".")[0]
    if len(whole) > LONGEST_NUMBER or (len(whole) > 1 and whole[0] == "0"):
        return digits(number)
    if len(number) == 4 and "1100" <= number <= "2099" and not QUANTITY.match(match.string, match.end()):
        return words(number, "year")
    return words(number)


def _money(match: re.Match[str]) -> str:
    (one, many), (cent, cents) = CURRENCIES[match["sign"]]
    if country := match["country"]:
        one, many = f"{country} {one}", f"{country} {many}"
    amount = match["amount"].replace(",", "")
    scale = match["long"] or SCALES.get((match["short"] or "").lower())
    if scale:
        return f"{words(amount)} {scale} {many}"
    whole, _, part = amount.partition(".")
    spoken = [] if not int(whole) and int(part or 0) else [f"{words(whole)} {one if int(whole) == 1 else many}"]
    if len(part) > 2:
        return f"{words(amount)} {many}"
    if part and (small := int(part.ljust(2, "0"))):
        spoken.append(f"{words(str(small))} {cent if small == 1 else cents}")
    return " and ".join(spoken)


def _sign_first(match: re.Match[str]) -> str:
    """3.50 € and EUR 3.50 as €3.50."""
    sign = match["after"] if match["after"] else match["before"]
    return CURRENCY_CODES.get(sign, sign) + (match["first"] or match["second"])


def _unit(match: re.Match[str]) -> str:
    one, many = UNITS[match["unit"]]
    return f"{match['number']} {one if match['number'] == '1' else many}"


def _share(match: re.Match[str]) -> str:
    """A fraction, or so many points out of ten or a hundred."""
    above, below = match[1], match[2]
    if int(below) == 0:
        return match[0]
    if int(above) == int(below) > 1:
        return f"{words(above)}-{words(below)}"
    if int(below) in (10, 100) and int(above) > 1 and not re.match(r"\s+of\b", match.string[match.end() :]):
        return f"{words(above)} out of {words(below)}"
    name = {2: "half", 4: "quarter"}.get(int(below)) or words(below, "ordinal")
    plural = {"half": "halves"}.get(name, f"{name}s")
    return f"{words(above)} {name if int(above) == 1 else plural}"


def _part_of_one(match: re.Match[str]) -> str:
    one = PARTS_OF_ONE[match[2]]
    return f"{match[1]} and {one.replace('one ', 'a ')}" if match[1] else one


def _capitals(match: re.Match[str]) -> str:
    """Spell an abbreviation letter by letter. Long ones with vowels (NASA) and words in capitals stay words."""
    word = match[1]
    spoken_as_word = word in SPOKEN_CAPITALS or (len(word) > 3 and re.search("[AEIOUY]", word))
    if spoken_as_word or SHOUTED.search(match.string):
        return match[0]
    return " ".join(word) + (match[2] or "")


MONEY: list[Rule] = [
    rule(rf"((?:{SIGN}\s?|\b)\d+),(\d\d)(?!\d|,\d)(?=\s?(?:[€£]|EUR\b))|({SIGN}\s?\d+),(\d\d)(?!\d|,\d)",
         lambda m: f"{m[1] or m[3]}.{m[2] or m[4]}"),
    rule(rf"(?<![\w.,])(?P<first>(?:{NUMBER}){SCALE})\s?(?P<after>[€£₹₽₺₴₩]|(?:{CODE})\b)"
         rf"|\b(?P<before>{CODE})\s?(?P<second>{NUMBER})", _sign_first),
    rule(rf"({SIGN})\s?({NUMBER})\s?[–—-]\s?(?={SIGN})", lambda m: f"{m[1]}{m[2]} to "),
    rule(rf"({SIGN})\s?({NUMBER})\s?[–—-]\s?(?=\d)", lambda m: f"{m[2]} to {m[1]}"),
    rule(rf"(?<![\w.])[-−](?={SIGN}\s?\d)", always("minus ")),
    rule(rf"(?P<country>\b(?:US|CA|AU|NZ|HK|A|C))?(?P<sign>{SIGN})\s?(?P<amount>{NUMBER}){SCALE}", _money,
         re.IGNORECASE),
]  # fmt: skip
NUMBERS: list[Rule] = [
    rule(r"(?<![\d,.])(\d+),(\d\d)(?![\d,])", lambda m: f"{m[1]}.{m[2]}"),
    rule(r"(?<=\d),(?=\d{1,2}(?!\d))", always(", ")),
    rule(r"\b(\d{1,3}):(\d{1,3})\b", lambda m: f"{words(m[1])} to {words(m[2])}"),
    rule(r"\b(\d+)'(\d{1,2})\"", lambda m: f"{words(m[1])} foot {words(m[2])}"),
    rule(r"\b(\d+(?:\.\d+){2,})\b", lambda m: " point ".join(words(part) for part in m[1].split("."))),
    rule(r"(?<!\w)['’](\d0)s\b", lambda m: _decade(m)),
    rule(r"\b(\d{1,3}0)['’]?s\b", lambda m: _decade(m)),
    rule(r"(?<![\d/.,])(\d{1,3})\s?[/⁄]\s?(\d{1,3})\b(?![/⁄])", _share),
    rule(rf"(\d*)\s?([{''.join(PARTS_OF_ONE)}])", _part_of_one),
    rule(r"(?<!\w)~\s?(?=\d)|(?<![\w)])(?<![\w)]\s)≈\s?(?=\d)", always("about ")),
    rule(rf"(?P<number>{NUMBER})\s?(?P<unit>{UNIT})(?![\w²³])", _unit),
    rule(rf"({NUMBER})\s?%", lambda m: f"{m[1]} percent"),
    rule(r"(?<=\d)(?:\s[–—-]\s|[–—-])(?=\d)|(?<=percent)(?:\s[–—-]\s|[–—-])(?=\d)", always(" to ")),
]
FORMULAS: list[Rule] = [
    *(rule(rf"\s*{power}", always(f" {spoken}")) for power, spoken in POWERS.items()),
    rule(r"\s*(?:->|=>)\s*", always(" to ")),
    rule(r"√\s*", always("the square root of ")),
    rule(r"∛\s*", always("the cube root of ")),
    rule(r"(?<=[\w)])\s*\^\s*(?=[\w(−-])", always(" to the power of ")),
    rule(r"\s*⁄\s*", always(" over ")),
    rule(r"(?<![Α-ω])[α-ωΑ-Ω](?![Α-ω])", lambda m: GREEK.get(m[0].lower(), m[0])),
    rule(r"∞", always("infinity")),
    *(rule(rf"\s*{sign}\s*", always(f" {SIGNS[sign]} ")) for sign in "=≈≠≡≤≥±∓×·÷−→∈" if sign != "−"),
    rule(r"(?<=[\w)])\s+[-−]\s+(?=\d)|(?<=[\w)])\s*−\s+(?=\w)", always(" minus ")),
    *(rule(rf"(?<=\d)\s*{re.escape(sign)}\s*(?=\d)", always(f" {spoken} ")) for sign, spoken in SIGNS.items()),
    *(rule(rf"(?<=[\w)])(?:\s+{re.escape(sign)}\s*|{re.escape(sign)}\s+)(?=[\w(])", always(f" {SIGNS[sign]} "))
      for sign in "+<>"),
    rule(r"(?<![\w.])[-−](?=\d)", always("minus ")),
]  # fmt: skip
LETTERS: list[Rule] = [
    rule(r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: words(m[1], "ordinal")),
    rule(r"(?<=[A-Za-z])-(?=\d)", always(" ")),
    rule(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", always(" ")),
    rule(rf"(?<![\w.])(?:{NUMBER})", _cardinal),
    rule(r"\d+", lambda m: digits(m[0])),
    rule(r"(?<=[a-z])/(?=(?:second|minute|hour|day|week|month|year|person|user|night|mile|gallon)\b)", always(" per ")),
    rule(r"\s*&\s*", always(" and ")),
    rule(r"(?<=\w)@(?=\w)", always(" at ")),
    rule(r"°", always(" degrees")),
    rule(r"§\s*", always("section ")),
    rule(r"\b([A-Z]{2,5})('s|s)?\b", _capitals),
]


def _decade(match: re.Match[str]) -> str:
    spoken = words(match[1], "year")
    return spoken[:-1] + "ies" if spoken.endswith("y") else f"{spoken}s"


ENGLISH: list[Rule] = [
    *NAMES,
    rule(r"№\s*|#(?=\d)", always("number ")),
    rule(PHONE.pattern, lambda m: phone(m[0], "en")),
    rule(r"\bv\.?(\d+(?:\.\d+)*)\b", lambda m: f"version {' point '.join(map(words, m[1].split('.')))}"),
    rule(r"\b24/7\b", always("twenty-four seven")),
    rule(r"\b9/11\b", always("nine eleven")),
    *MONEY,
    *DATES,
    *NUMBERS,
    *FORMULAS,
    *LETTERS,
]
