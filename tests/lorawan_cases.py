"""Interoperability cases of LoRaWAN, and which test holds the network server to each."""

from lorawan_case import CERTIFICATION, LINK_LAYER, LINK_LAYER_1_1, NotServed
from lorawan_cases_devices import DEVICE_CASES
from lorawan_cases_link_layer import LINK_LAYER_CASES

CASES = (*DEVICE_CASES, *LINK_LAYER_CASES)

NOT_SERVED = (
    NotServed(
        CERTIFICATION,
        "Test mode (TS009, FPort 224)",
        "an application in the device; its frames are readings like others",
    ),
    NotServed(
        LINK_LAYER,
        "Class B: beacon, ping slots",
        "later; its commands are stepped over and counted",
    ),
    NotServed(LINK_LAYER, "Multicast (TS005)", "later; it needs groups and their keys"),
    NotServed("TS004", "FUOTA: fragmented data blocks", "later; it rests on multicast"),
    NotServed("TS011", "Relay", "later; relayed frames are not unpacked"),
    NotServed("TS002", "Roaming, separate join server", "this gateway is the whole network"),
    NotServed(LINK_LAYER, "LR-FHSS data rates", "the concentrator does not demodulate them"),
    NotServed(
        LINK_LAYER,
        "TxParamSetupReq end to end",
        "later; the command is written and read, and never asked for",
    ),
    NotServed(
        LINK_LAYER_1_1,
        "ADRParamSetupReq, ForceRejoinReq, RejoinParamSetupReq",
        "written and read, never asked for: nothing here needs a device to rejoin when we say so",
    ),
)
