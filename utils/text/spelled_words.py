"""The words of `utils.text.spelled_text`: the English names of abbreviations, units and signs."""

from __future__ import annotations

ABBREVIATIONS = {
    "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Prof.": "Professor", "Jr.": "Junior",
    "Sr.": "Senior", "Capt.": "Captain", "Gen.": "General", "Sen.": "Senator", "Rep.": "Representative",
    "Gov.": "Governor", "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "vs.": "versus", "vs": "versus",
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
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"), "°": ("degree", "degrees"), "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"), "Hz": ("hertz", "hertz"),
    "kB": ("kilobyte", "kilobytes"), "KB": ("kilobyte", "kilobytes"), "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"), "TB": ("terabyte", "terabytes"), "kWh": ("kilowatt hour", "kilowatt hours"),
    "kW": ("kilowatt", "kilowatts"), "MW": ("megawatt", "megawatts"), "W": ("watt", "watts"), "V": ("volt", "volts"),
    "ms": ("millisecond", "milliseconds"), "hrs": ("hour", "hours"), "hr": ("hour", "hours"), "h": ("hour", "hours"),
    "mins": ("minute", "minutes"), "min": ("minute", "minutes"), "secs": ("second", "seconds"),
    "sec": ("second", "seconds"), "kcal": ("kilocalorie", "kilocalories"),
}  # fmt: skip

CURRENCIES = {
    "$": (("dollar", "dollars"), ("cent", "cents")), "€": (("euro", "euros"), ("cent", "cents")),
    "£": (("pound", "pounds"), ("penny", "pence")), "¥": (("yen", "yen"), ("sen", "sen")),
}  # fmt: skip

SIGNS = {
    "+": "plus", "−": "minus", "×": "times", "*": "times", "÷": "divided by", "=": "equals", "≈": "is about",
    "<": "is less than", ">": "is greater than", "≤": "is at most", "≥": "is at least", "^": "to the power of",
}  # fmt: skip

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

NUMERALS = (
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI", "XVII",
    "XVIII", "XIX", "XX", "XXI", "XXII", "XXIII",
)  # fmt: skip
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
