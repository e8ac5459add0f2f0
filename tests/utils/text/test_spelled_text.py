"""What a voice is given to read, for what people and language models write."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.text import spelled_text
from utils.text.spelled_text import spell
from utils.text.spelled_words import ABBREVIATIONS, CURRENCIES, SIGNS, UNITS

CASES = {
    # numbers
    "It costs 0.5.": "It costs zero point five.",
    "1,234,567": "one million, two hundred and thirty-four thousand, five hundred and sixty-seven",
    "007": "zero zero seven",
    "12345678901234567": "one two three four five six seven eight nine zero one two three four five six seven",
    "It is -5 outside": "It is minus five outside",
    "1st, 2nd, 3rd and 22nd": "first, second, third and twenty-second",
    "10-20, 5–7 or 3 - 4": "ten to twenty, five to seven or three to four",
    "call 555-123-4567": "call five five five, one two three, four five six seven",
    "v2.0": "version two point zero",
    "3.5.1": "three point five point one",
    "192.168.0.1": "one hundred and ninety-two point one hundred and sixty-eight point zero point one",
    "1/2, 3/4 and 2/3": "one half, three quarters and two thirds",
    "24/7": "twenty-four seven",
    "#1, No. 5 and № 7": "number one, number five and number seven",
    # years and decades
    "In 1984": "In nineteen eighty-four",
    "in 2026.": "in twenty twenty-six.",
    "the 1990s, the 90s and the '80s": "the nineteen nineties, the nineties and the eighties",
    "in the 1900s": "in the nineteen hundreds",
    "1500 meters": "one thousand, five hundred meters",
    # dates and times
    "July 4, 2025": "July fourth, twenty twenty-five",
    "May 1st": "May first",
    "2025-07-04": "July fourth, twenty twenty-five",
    "2025-13-40": "twenty twenty-five to thirteen to forty",
    "at 7:30 pm": "at seven thirty P M",
    "at 7:30 p.m. today": "at seven thirty P M today",
    "at 14:05": "at fourteen oh five",
    "at 7:00": "at seven o’clock",
    "at 15:00": "at fifteen hundred hours",
    "5 p.m.": "five P M",
    "16:90": "sixteen to ninety",
    "it's 5 o'clock": "it's five o'clock",
    # money
    "$3.50": "three dollars and fifty cents",
    "$1 and $0.99": "one dollar and ninety-nine cents",
    "$1,000.50": "one thousand dollars and fifty cents",
    "€20": "twenty euros",
    "£1m": "one million pounds",
    "£0.01": "one penny",
    "$2.5 billion": "two point five billion dollars",
    "$3.999": "three point nine nine nine dollars",
    # shares, units, signs
    "10%": "ten percent",
    "10%–20%": "ten percent to twenty percent",
    "3.50 km": "three point five zero kilometers",
    "1 kg, 3kg": "one kilogram, three kilograms",
    "20 °C": "twenty degrees Celsius",
    "60 mph": "sixty miles per hour",
    "5 m²": "five square meters",
    "a 10 GB file": "a ten gigabytes file",
    "5'10\"": "five foot ten",
    "90°": "ninety degrees",
    "2 + 2 = 4": "two plus two equals four",
    "3×4 ÷ 2": "three times four divided by two",
    "R&D": "R and D",
    "me@home": "me at home",
    "§ 5": "section five",
    # abbreviations and initials
    "Dr. Smith vs. Mr. Jones": "Doctor Smith versus Mister Jones",
    "e.g. this, i.e. that, etc.": "for example this, that is that, et cetera",
    "St. Peter": "Saint Peter",
    "in Main St.": "in Main Street",
    "The USA's GPU": "The U S A's G P U",
    "the BBC": "the B B C",
    "NASA and NATO": "NASA and NATO",
    "OK, I say NO": "OK, I say NO",
    "THIS IS GREAT NEWS": "THIS IS GREAT NEWS",
    "Henry VIII and Louis XIV": "Henry the eighth and Louis the fourteenth",
    "World War II": "World War two",
    "Charles and I": "Charles and I",
    "Mr Smith and Dr Jones": "Mister Smith and Doctor Jones",
    "Sgt. Pepper, Col. Lee and Lt. Dan": "Sergeant Pepper, Colonel Lee and Lieutenant Dan",
    "J. K. Rowling met George W. Bush": "J K Rowling met George W Bush",
    "J.K. Rowling and Dr. J. Smith": "J K Rowling and Doctor J Smith",
    "Plan B. It is good. Vitamin C. Take it.": "Plan B. It is good. Vitamin C. Take it.",
    "U.S. law in the U.S.": "U S law in the U S.",
    "Louis XIV, Elizabeth II, John Paul II": "Louis the fourteenth, Elizabeth the second, John Paul the second",
    "Rocky III and Chapter XLII": "Rocky three and Chapter forty-two",
    "World War I and II": "World War one and two",
    "in the XIX century": "in the nineteenth century",
    "AT&T, C++ and C#": "A T and T, C plus plus and C sharp",
    "vol. 3, pp. 4-7, fig. 2": "volume three, pages four to seven, figure two",
    # telephone numbers and other rows of digits
    "(555) 123-4567": "five five five, one two three, four five six seven",
    "+1 555 123 4567": "plus one, five five five, one two three, four five six seven",
    "+1 (555) 123-4567": "plus one, five five five, one two three, four five six seven",
    "+49 30 1234567": "plus four nine, three zero, one two three four five six seven",
    "1-800-555-0199": "one, eight hundred, five five five, zero one nine nine",
    "555-1234": "five five five, one two three four",
    "pages 100-200": "pages one hundred to two hundred",
    "100.125": "one hundred point one two five",
    "978-3-16-148410-0": "nine seven eight, three, one six, one four eight four one zero, zero",
    # slashes
    "on 9/11": "on nine eleven",
    "It is 50/50.": "It is fifty-fifty.",
    "due 12/25, not 25/12": "due December twenty-fifth, not December twenty-fifth",
    "4/7/2025, 25/12/24": "April seventh, twenty twenty-five, December twenty-fifth, twenty twenty-four",
    "5/16 inch": "five sixteenths inch",
    "an 8/10, 3/10 of it": "an eight out of ten, three tenths of it",
    "5/0": "five/zero",
    # other dates and times
    "3 March 1984": "the third of March, nineteen eighty-four",
    "the 3rd of March": "the third of March",
    "Jan. 5, Sept 3": "January fifth, September third",
    "July 4-6, 2025": "July fourth to sixth, twenty twenty-five",
    "25.12.2024": "December twenty-fifth, twenty twenty-four",
    "3:30-5:00 pm": "three thirty to five P M",
    "9-5 pm": "nine to five P M",
    "10:30:15": "ten thirty fifteen",
    # other money
    "€3,50": "three euros and fifty cents",
    "3,50 €, 20 € or 5 EUR": "three euros and fifty cents, twenty euros or five euros",
    "-$5": "minus five dollars",
    "$5-$10 or $5-10": "five dollars to ten dollars or five to ten dollars",
    "US$20": "twenty U S dollars",
    "£5/month": "five pounds per month",
    "₹500": "five hundred rupees",
    # versions, addresses, files
    "v2.0.1": "version two point zero point one",
    "v. 3.1": "v. three point one",
    "See example.com or a.b@example.co.uk": "See example dot com or a dot b at example dot co dot uk",
    "open main.py": "open main dot py",
    # formulas
    "x² + y² = z²": "x squared plus y squared equals z squared",
    "(a + b)⁄2 ≤ √x": "(a plus b) over two is at most the square root of x",
    "x <y and y> z": "x is less than y and y is greater than z",
    "2^10 ≠ 2^(n − 1)": "two to the power of ten is not equal to two to the power of (n minus one)",
    "π ≈ 3": "pi is about three",
    "a -> b": "a to b",
    "½ or 2½": "one half or two and a half",
    "~5": "about five",
    "5 μm, 20 ℃": "five micrometers, twenty degrees Celsius",
    "1,50 and 1,2,3": "one point five zero and one, two, three",
    # letters and digits
    "COVID-19": "COVID nineteen",
    "B2B on A4": "B two B on A four",
    "Apollo 11": "Apollo eleven",
    "1e6": "one e six",
}


@pytest.mark.parametrize(("text", "spoken"), CASES.items(), ids=CASES)
def test_it_is_spelled(text, spoken):
    assert spell(text) == spoken


@pytest.mark.parametrize(
    "text", ["", "Plain words, only.", "Ça va? 你好。", "a.m. is early", "I", "e-mail it to St Ives"]
)
def test_words_stay_as_they_are(text):
    assert spell(text) == text


@pytest.mark.parametrize("text", CASES)
def test_what_is_spelled_stays_so(text):
    assert spell(spell(text)) == spell(text)


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_is_spelled_in_one_and_in_many(unit):
    one, many = UNITS[unit]
    assert spell(f"1 {unit}") == f"one {one}"
    assert spell(f"7 {unit} of it") == f"seven {many} of it"


@pytest.mark.parametrize("table", [ABBREVIATIONS, SIGNS, CURRENCIES])
def test_tables_have_no_empty_words(table):
    assert all([*table, *table.values()])


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        ("de", "Es sind 3,5 von 1.234.", "Es sind drei Komma fünf von eintausendzweihundertvierunddreißig."),
        ("fr", "J'ai 21 ans", "J'ai vingt et un ans"),
        ("es", "Son 7", "Son siete"),
        ("de", "Dr. Müller, NASA & BBC", "Doktor Müller, NASA & BBC"),
        ("de", "1.2.3", "eins zwei drei"),
        ("de", "Es kostet 3,50 €.", "Es kostet drei Euro fünfzig Cent."),
        ("de", "Um 18:30 Uhr am 14.05.2026.", "Um achtzehn Uhr dreißig am vierzehnten Mai zweitausendsechsundzwanzig."),
        ("de", "Ludwig XIV. war es, z. B. 50/50", "Ludwig der Vierzehnte war es, zum Beispiel fünfzig fünfzig"),
        ("de", "J. K. Rowling, +49 30 12", "J K Rowling, plus vier neun, drei null, eins zwei"),
        ("de", "x² = 4", "x zum Quadrat gleich vier"),
        ("fr", "M. Dupont a 1 234 €.", "monsieur Dupont a mille deux cent trente-quatre euros."),
        ("fr", "Il est 18h30 le 14/05/2026.", "Il est dix-huit heures trente le quatorze mai deux mille vingt-six."),
        ("es", "El Sr. Pérez paga 3,50 €.", "El Señor Pérez paga tres euros con cincuenta céntimos."),
        ("es", "Siglo XXI", "Siglo XXI"),  # the library fails at this one
        ("it", "Alle 18:30.", "Alle diciotto e trenta."),
        ("pt", "R$ 3,50", "três reais e cinquenta centavos"),
        ("nl", "Om 18:30, 20", "Om achttien dertig, twintig"),
        ("ru", "5 км", "пять километров"),
        ("xx", "3,5 und 7", "3,5 und 7"),
    ],
)
def test_other_languages_have_their_numbers_spelled(language, text, spoken):
    assert spell(text, language) == spoken


@pytest.mark.parametrize("language", ["de", "fr", "es", "it", "pt", "nl", "pl", "ru", "sv", "ja", "xx"])
def test_words_alone_need_no_library(language, monkeypatch):
    monkeypatch.setattr(spelled_text, "_spokenform", lambda: pytest.fail("it was asked"))
    for text in ("Ein Satz, ganz ohne Zahlen!", "Ça va ?", "Привет.", "«Ja», sagte sie: nein …"):
        assert spell(text, language) == text


def test_a_library_that_fails_costs_no_word(monkeypatch):
    def fail(*text, **options):
        raise RuntimeError("no")

    monkeypatch.setattr(spelled_text, "_spokenform", lambda: SimpleNamespace(prepare=fail))
    assert spell("Es sind 3 Katzen.", "de") == "Es sind drei Katzen."


@settings(max_examples=60)
@given(st.text(max_size=60), st.sampled_from(["en", "de", "fr", "xx"]))
def test_it_never_fails(text, language):
    spell(text, language)


@given(st.lists(st.sampled_from([*CASES, "the", "and then", "we went", "home."]), min_size=1, max_size=6))
def test_no_digit_is_left(parts):
    assert not re.search(r"[0-9]", spell(" ".join(parts)))


@given(st.lists(st.from_regex(r"[a-z]{1,12}", fullmatch=True), min_size=1, max_size=12))
def test_small_words_are_kept(words):
    text = " ".join(word for word in words if word != "vs")
    assert spell(text) == text
