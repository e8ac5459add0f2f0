"""The words of `utils.text.spelled_text`: the English names of abbreviations, units and signs."""

from __future__ import annotations

ABBREVIATIONS = {
    "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Prof.": "Professor", "Jr.": "Junior",
    "Sr.": "Senior", "Capt.": "Captain", "Gen.": "General", "Sen.": "Senator", "Rep.": "Representative",
    "Gov.": "Governor", "Sgt.": "Sergeant", "Col.": "Colonel", "Lt.": "Lieutenant", "Rev.": "Reverend", "Maj.": "Major",
    "Adm.": "Admiral", "Pres.": "President", "Hon.": "Honorable", "Fr.": "Father", "Messrs.": "Messieurs",
    "a.k.a.": "also known as", "w/o": "without", "w/": "with",
    "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "vs.": "versus", "vs": "versus",
    "approx.": "approximately", "Inc.": "Incorporated", "Ltd.": "Limited", "Corp.": "Corporation", "Ave.": "Avenue",
    "Blvd.": "Boulevard", "Mt.": "Mount", "Ft.": "Fort", "dept.": "department", "est.": "established",
}  # fmt: skip

UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"), "m/s": ("meter per second", "meters per second"),
    "mph": ("mile per hour", "miles per hour"), "km²": ("square kilometer", "square kilometers"),
    "m²": ("square meter", "square meters"), "m³": ("cubic meter", "cubic meters"),
    "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "m": ("meter", "meters"), "kg": ("kilogram", "kilograms"), "mg": ("milligram", "milligrams"),
    "g": ("gram", "grams"), "lbs": ("pound", "pounds"), "lb": ("pound", "pounds"), "oz": ("ounce", "ounces"),
    "ft": ("foot", "feet"), "mi": ("mile", "miles"), "yd": ("yard", "yards"), "ml": ("milliliter", "milliliters"),
    "L": ("liter", "liters"), "l": ("liter", "liters"), "°C": ("degree Celsius", "degrees Celsius"),
    "℃": ("degree Celsius", "degrees Celsius"), "℉": ("degree Fahrenheit", "degrees Fahrenheit"),
    "\u2126": ("ohm", "ohms"), "k\u2126": ("kiloohm", "kiloohms"), "M\u2126": ("megaohm", "megaohms"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"), "°": ("degree", "degrees"), "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"), "Hz": ("hertz", "hertz"),
    "kB": ("kilobyte", "kilobytes"), "KB": ("kilobyte", "kilobytes"), "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"), "TB": ("terabyte", "terabytes"), "kWh": ("kilowatt hour", "kilowatt hours"),
    "kW": ("kilowatt", "kilowatts"), "MW": ("megawatt", "megawatts"), "W": ("watt", "watts"), "V": ("volt", "volts"),
    "ms": ("millisecond", "milliseconds"), "hrs": ("hour", "hours"), "hr": ("hour", "hours"), "h": ("hour", "hours"),
    "mins": ("minute", "minutes"), "min": ("minute", "minutes"), "secs": ("second", "seconds"),
    "sec": ("second", "seconds"), "kcal": ("kilocalorie", "kilocalories"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "μm": ("micrometer", "micrometers"), "µm": ("micrometer", "micrometers"), "μs": ("microsecond", "microseconds"),
    "µs": ("microsecond", "microseconds"), "nm": ("nanometer", "nanometers"), "dB": ("decibel", "decibels"),
    "tbsp": ("tablespoon", "tablespoons"), "tsp": ("teaspoon", "teaspoons"),
    "Mbps": ("megabit per second", "megabits per second"), "Gbps": ("gigabit per second", "gigabits per second"),
}  # fmt: skip

CURRENCIES = {
    "$": (("dollar", "dollars"), ("cent", "cents")), "€": (("euro", "euros"), ("cent", "cents")),
    "£": (("pound", "pounds"), ("penny", "pence")), "¥": (("yen", "yen"), ("sen", "sen")),
    "₹": (("rupee", "rupees"), ("paisa", "paise")), "₽": (("ruble", "rubles"), ("kopek", "kopeks")),
    "₺": (("lira", "lira"), ("kurus", "kurus")), "₴": (("hryvnia", "hryvnias"), ("kopiyka", "kopiykas")),
    "₩": (("won", "won"), ("jeon", "jeon")),
}  # fmt: skip

CURRENCY_CODES = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "RUB": "₽", "TRY": "₺", "KRW": "₩"}

SIGNS = {
    "+": "plus", "−": "minus", "×": "times", "*": "times", "÷": "divided by", "=": "equals", "≈": "is about",
    "<": "is less than", ">": "is greater than", "≤": "is at most", "≥": "is at least", "^": "to the power of",
    "≠": "is not equal to", "≡": "is the same as", "±": "plus or minus", "∓": "minus or plus", "·": "times", "→": "to",
    "∈": "in",
}  # fmt: skip

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

SHORT_MONTHS = {name[:3]: name for name in MONTHS if name != "May"} | {"Sept": "September"}

POWERS = {"²": "squared", "³": "cubed"}
PARTS_OF_ONE = {
    "½": "one half", "⅓": "one third", "⅔": "two thirds", "¼": "one quarter", "¾": "three quarters", "⅛": "one eighth",
}  # fmt: skip

GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψω",
        (
            "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
            "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
        ),
        strict=True,
    )
)  # fmt: skip

TITLES_WITHOUT_STOP = {"Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Dr": "Doctor", "Prof": "Professor"}

# A letter after these, or before those, is no initial: "plan B. It is …".
NO_INITIAL_AFTER = {
    "plan", "vitamin", "grade", "type", "hepatitis", "group", "section", "appendix", "figure", "option", "class",
    "letter", "point", "part", "team", "exhibit", "room", "gate", "platform", "category", "gruppe", "typ", "klasse",
    "or",
}  # fmt: skip
NO_NAME = {
    "It", "The", "This", "That", "Then", "He", "She", "We", "They", "You", "In", "And", "But", "So", "If", "An",
    "There", "What", "When", "How", "Why", "Is", "Are", "Do", "Does", "Yes", "No", "Its", "As", "For", "At", "On", "To",
    "Es", "Das", "Die", "Der", "Dann", "Il", "Le", "La", "El", "Los", "Les",
}  # fmt: skip

# What the names of hosts and files end with. Those that are words ("in", "it", "me") are missing.
ENDINGS = (
    "com", "org", "net", "edu", "gov", "io", "ai", "dev", "app", "info", "uk", "de", "fr", "eu", "jp", "co",
    "py", "js", "ts", "json", "txt", "md", "html", "css", "csv", "pdf", "jpg", "png", "zip", "exe", "xml", "yml",
    "yaml", "toml", "cpp", "mp3", "mp4", "wav", "docx", "xlsx",
)  # fmt: skip

# Signs that the library leaves, in other languages.
SIGNS_BY_LANGUAGE = {
    "de": {"=": "gleich", "≈": "ungefähr", "≠": "ungleich", "≤": "kleiner gleich", "≥": "größer gleich", "×": "mal",
           "·": "mal", "÷": "geteilt durch", "±": "plus minus", "⁄": "durch", "²": "Quadrat", "³": "hoch drei",
           "√": "Wurzel aus"},
    "fr": {"=": "égale", "≈": "environ", "≠": "différent de", "≤": "inférieur ou égal à", "≥": "supérieur ou égal à",
           "×": "fois", "·": "fois", "÷": "divisé par", "±": "plus ou moins", "⁄": "sur", "²": "au carré",
           "³": "au cube", "√": "racine carrée de"},
    "es": {"=": "es igual a", "≈": "es aproximadamente", "≠": "es distinto de", "≤": "es menor o igual que",
           "≥": "es mayor o igual que", "×": "por", "·": "por", "÷": "entre", "±": "más o menos", "⁄": "sobre",
           "²": "al cuadrado", "³": "al cubo", "√": "la raíz cuadrada de"},
    "it": {"=": "è uguale a", "≈": "è circa", "≠": "è diverso da", "≤": "è minore o uguale a",
           "≥": "è maggiore o uguale a", "×": "per", "·": "per", "÷": "diviso", "±": "più o meno", "⁄": "su",
           "²": "al quadrato", "³": "al cubo", "√": "la radice quadrata di"},
    "pt": {"=": "é igual a", "≈": "é cerca de", "≠": "é diferente de", "≤": "é menor ou igual a",
           "≥": "é maior ou igual a", "×": "vezes", "·": "vezes", "÷": "dividido por", "±": "mais ou menos",
           "⁄": "sobre", "²": "ao quadrado", "³": "ao cubo", "√": "a raiz quadrada de"},
    "nl": {"=": "is gelijk aan", "≈": "is ongeveer", "≠": "is ongelijk aan", "≤": "is hoogstens", "≥": "is minstens",
           "×": "keer", "·": "keer", "÷": "gedeeld door", "±": "plus of min", "⁄": "gedeeld door", "²": "kwadraat",
           "³": "tot de derde", "√": "de wortel uit"},
}  # fmt: skip
POINT = {"de": "Punkt", "fr": "point", "es": "punto", "it": "punto", "pt": "ponto", "nl": "punt", "sv": "punkt"}

TENS = ("", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX")
ONES = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
NUMERALS = [ten + one for ten in TENS for one in ONES][1:]
ROMAN_NUMBERS = {numeral: number for number, numeral in enumerate(NUMERALS, 1)}

# The names of kings and popes. After other names, "I" is more often a word than a number.
ROMAN_NAMES = (
    "Alexander|Benedict|Catherine|Charles|Edward|Elizabeth|Francis|Frederick|George|Gregory|Henry|James|John|John Paul|"
    "Leo|Louis|Napoleon|Nicholas|Otto|Paul|Peter|Philip|Pius|Ramses|Richard|Wilhelm|William"
)

# Spoken as words although they are in capitals: short acronyms, and words that are only stressed.
SPOKEN_CAPITALS = {
    "OK", "AM", "AN", "AND", "ANY", "ARE", "AS", "AT", "BE", "BUT", "BY", "CAN", "DID", "DO", "FOR", "GET", "GO", "HAS",
    "HE", "HER", "HIS", "HOW", "IF", "IN", "IS", "IT", "ITS", "LET", "ME", "MAY", "MY", "NEW", "NO", "NOT", "NOW", "OF",
    "OFF", "OLD", "ON", "ONE", "OR", "OUR", "OUT", "PIN", "RAM", "SAY", "SEE", "SHE", "SIM", "SO", "THE", "TO", "TOO",
    "TWO", "UP", "USE", "WAS", "WAY", "WE", "WHO", "WHY", "YES", "YOU", "ZIP",
}  # fmt: skip
