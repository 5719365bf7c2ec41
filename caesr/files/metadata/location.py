"""Which metadata say where a photograph was taken: left out unless they are asked for.

GPS's directory in EXIF, and in XMP, IPTC and PNG's texts what is listed here. The address of the photographer, the
direction of view and place names in captions or keywords stay; so does what a maker's own notes may hold.
"""

import re

# Names of properties of XMP and keywords of PNG's texts, whatever their namespace: exif:GPSLatitude,
# drone-dji:GpsLongtitude (so spelt), Iptc4xmpExt:LocationCreated, photoshop:City.
NAMES = re.compile(
    r"gps.*|.*(latitude|longt?itude|altitude).*|geo(tag|hash|loc|pos|rss|coord|_).*|geo|(sub|shot)?-?location.*|city|"
    r"country(-?(code|name))?|(province)?-?/?state|world-?region",
    re.IGNORECASE,
)
NAMESPACES = {"http://www.w3.org/2003/01/geo/wgs84_pos#"}  # geo:lat, geo:long
# Datasets of record 2 of IPTC's IIM 4.2: code and name of the place in the content, city, sub-location, province or
# state, code and name of the country.
IPTC_DATASETS = {26, 27, 90, 92, 95, 100, 101}


def names_location(name: str, namespace: str = "") -> bool:
    """Return whether a property of XMP or a keyword of a text says where a photograph was taken."""
    return namespace in NAMESPACES or NAMES.fullmatch(name.rpartition(":")[2].strip()) is not None
