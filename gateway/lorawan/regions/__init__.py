"""The regions by the name that `concentrator.region` gives them."""

from gateway.lorawan.regions.america import AU915, US915
from gateway.lorawan.regions.asia import AS923, IN865, KR920
from gateway.lorawan.regions.china import CN470
from gateway.lorawan.regions.europe import EU433, EU868, RU864

REGIONS = {
    region.name: region
    for region in (EU868, EU433, US915, AU915, *AS923, *CN470, IN865, KR920, RU864)
}

__all__ = ["REGIONS"]
