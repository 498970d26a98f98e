"""Where the big clouds' regions are, which continent a country belongs to, and where continents have their middle.

Region names and the cities behind them: the location pages of AWS, Google Cloud and Azure (2026-11). Coordinates are
those of the city or state named, to about a tenth of a degree: enough to tell which region is nearer.
"""

from typing import NamedTuple


class Region(NamedTuple):
    """A cloud region: ISO 3166-1 alpha-2 country and coordinates in degrees."""

    country: str
    latitude: float
    longitude: float


_LOCATIONS = """
ZA -33.9  18.4  af-south-1
ZA -26.2  28.0  africa-south1 southafricanorth
ZA -33.9  18.4  southafricawest
HK  22.3 114.2  ap-east-1 asia-east2 eastasia
TW  25.0 121.5  ap-east-2
TW  24.1 120.5  asia-east1
JP  35.7 139.7  ap-northeast-1 asia-northeast1 japaneast
JP  34.7 135.5  ap-northeast-3 asia-northeast2 japanwest
KR  37.6 127.0  ap-northeast-2 asia-northeast3 koreacentral
KR  35.2 129.1  koreasouth
IN  19.1  72.9  ap-south-1 asia-south1 westindia
IN  17.4  78.5  ap-south-2
IN  28.6  77.2  asia-south2
IN  18.5  73.9  centralindia jioindiacentral
IN  13.1  80.3  southindia
IN  22.5  70.1  jioindiawest
SG   1.4 103.8  ap-southeast-1 asia-southeast1 southeastasia
AU -33.9 151.2  ap-southeast-2 australia-southeast1 australiaeast
AU -37.8 145.0  ap-southeast-4 australia-southeast2 australiasoutheast
AU -35.3 149.1  australiacentral australiacentral2
ID  -6.2 106.8  ap-southeast-3 asia-southeast2 indonesiacentral
MY   3.1 101.7  ap-southeast-5 malaysiawest
NZ -36.8 174.8  ap-southeast-6 newzealandnorth
TH  13.8 100.5  ap-southeast-7 asia-southeast3
CN  39.9 116.4  cn-north-1 chinanorth chinanorth2 chinanorth3
CN  38.5 106.2  cn-northwest-1
CN  31.2 121.5  chinaeast chinaeast2 chinaeast3
DE  50.1   8.7  eu-central-1 europe-west3 germanywestcentral
DE  52.5  13.4  europe-west10 germanynorth
DE  52.4  13.1  eusc-de-east-1
CH  47.4   8.5  eu-central-2 europe-west6 switzerlandnorth
CH  46.2   6.1  switzerlandwest
SE  59.3  18.1  eu-north-1 europe-north2
SE  60.7  17.1  swedencentral
FI  60.6  27.1  europe-north1
NO  59.9  10.8  norwayeast
NO  59.0   5.7  norwaywest
DK  55.7  12.6  denmarkeast
IT  45.5   9.2  eu-south-1 europe-west8 italynorth
IT  45.1   7.7  europe-west12
ES  41.6  -0.9  eu-south-2
ES  40.4  -3.7  europe-southwest1 spaincentral
IE  53.3  -6.3  eu-west-1 northeurope
GB  51.5  -0.1  eu-west-2 europe-west2 uksouth
GB  51.5  -3.2  ukwest
FR  48.9   2.4  eu-west-3 europe-west9 francecentral
FR  43.3   5.4  francesouth
NL  52.4   4.9  westeurope
NL  53.4   6.8  europe-west4
BE  50.4   3.8  europe-west1 belgiumcentral
AT  48.2  16.4  austriaeast
PL  52.2  21.0  europe-central2 polandcentral
IL  32.1  34.8  il-central-1 me-west1 israelcentral
AE  24.5  54.4  me-central-1 uaecentral
AE  25.3  55.3  uaenorth
BH  26.1  50.6  me-south-1
QA  25.3  51.5  me-central1 qatarcentral
SA  26.4  50.1  me-central2
CA  45.5 -73.6  ca-central-1 northamerica-northeast1
CA  46.8 -71.2  canadaeast
CA  43.7 -79.4  northamerica-northeast2 canadacentral
CA  51.0 -114.1 ca-west-1
MX  20.6 -100.4 mx-central-1 northamerica-south1 mexicocentral
BR -23.5 -46.6  sa-east-1 southamerica-east1 brazilsouth
BR -22.9 -43.2  brazilsoutheast
CL -33.4 -70.7  southamerica-west1 chilecentral
US  39.0 -77.5  us-east-1 us-east4 us-gov-east-1 eastus
US  36.7 -78.4  eastus2 usgovvirginia
US  40.0 -83.0  us-east-2 us-east5
US  33.2 -80.0  us-east1
US  37.4 -121.9 us-west-1 westus
US  45.8 -119.7 us-west-2
US  45.6 -121.2 us-west1
US  34.1 -118.2 us-west2
US  40.8 -111.9 us-west3
US  36.2 -115.1 us-west4
US  47.2 -119.9 westus2
US  33.4 -112.1 westus3 usgovarizona
US  45.5 -122.7 us-gov-west-1
US  41.3 -95.9  us-central1
US  41.6 -93.6  centralus
US  41.9 -87.6  northcentralus
US  29.4 -98.5  southcentralus usgovtexas
US  32.8 -96.8  us-south1
US  41.1 -104.8 westcentralus
"""

REGIONS = {
    name: Region(country, float(latitude), float(longitude))
    for country, latitude, longitude, *names in map(str.split, _LOCATIONS.strip().splitlines())
    for name in names
}

CONTINENT_CENTRES = {
    "AF": (5.0, 20.0),
    "AN": (-80.0, 0.0),
    "AS": (34.0, 100.0),
    "EU": (50.0, 12.0),
    "NA": (45.0, -100.0),
    "OC": (-25.0, 140.0),
    "SA": (-15.0, -60.0),
}
"""Where a continent's clients are taken to be, in degrees: its middle, moved a little towards where people live."""

_COUNTRIES = {
    "AF": "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA"
    " NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW",
    "AN": "AQ BV GS HM TF",
    "AS": "AE AF AM AZ BD BH BN BT CC CN GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP"
    " OM PH PK PS QA SA SG SY TH TJ TM TR TW UZ VN YE",
    "EU": "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME"
    " MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK",
    "NA": "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX TC"
    " TT US VC VG VI",
    "OC": "AS AU CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF WS",
    "SA": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
}

CONTINENTS = {country: continent for continent, names in _COUNTRIES.items() for country in names.split()}
"""ISO 3166-1 alpha-2 (and XK) to continent code, divided as GeoNames and the common address databases divide it."""
