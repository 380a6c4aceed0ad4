"""[netvox] of a device file: the header that all Netvox devices share, and a device's own reports.

FPort 6: version u8, device u8, report u8, battery u8, then the report's 7 bytes. FPort 7: answers
to commands. What all devices have in common stands here. ValueError where a table cannot be.
"""

import msgspec

from gateway.codecs.layouts import Byte, Condition, Decode, FieldTable, FrameTable, Words

_COMMANDS: Words = {
    "1": "ConfigReportReq",
    "2": "ReadConfigReportReq",
    "0x81": "ConfigReportRsp",
    "0x82": "ReadConfigReportRsp",
}


class ReportTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report on FPort 6: of this type and these devices' names, or of any."""

    fields: list[FieldTable]
    type: Byte | None = None
    device: Byte | None = None


class CommandTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to a command on FPort 7: its number, what it is called, its fields."""

    number: Byte
    name: str
    fields: list[FieldTable]


class NetvoxTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`devices`: names by number; `battery_change`: whether ReadConfigReportRsp has it."""

    devices: Words
    report: list[ReportTable]
    command: list[CommandTable] = []
    commands: Words | None = None
    battery_change: bool = True

    def decode(self) -> Decode:
        from native.layout import Layout  # memory: only who has such a device

        tables = [self._version(), *map(self._report, self.report)]
        tables += [FrameTable(ports=[6], fields=self._head())]
        tables += map(self._command, (*self._settings(), *self.command))
        tables += [FrameTable(ports=[7], fields=[self._cmd(), self._device()])]
        return Layout([table.frame("big") for table in tables]).decode

    def _device(self) -> FieldTable:
        return FieldTable(name="Device", at=1, words=self.devices)

    def _cmd(self) -> FieldTable:
        return FieldTable(name="Cmd", words=self.commands or _COMMANDS)

    def _head(self) -> list[FieldTable]:
        low, good = Condition(at=3, value=0x80, mask=0x80), Condition(at=3, value=0, mask=0x80)
        volt = FieldTable(name="Volt", at=3, mask=0x7F, divide=10, when=[good])
        tired = FieldTable(
            name="Volt", at=3, mask=0x7F, divide=10, suffix="(low battery)", when=[low]
        )
        return [self._device(), volt, tired]

    def _version(self) -> FrameTable:
        fields = [
            self._device(),
            FieldTable(name="SWver", at=3, divide=10),
            FieldTable(name="HWver", at=4),
            FieldTable(name="Datecode", at=5, size=4, digits=8),
        ]
        return FrameTable(ports=[6], when=[Condition(at=2, value=0)], fields=fields)

    def _report(self, report: ReportTable) -> FrameTable:
        places = ((2, report.type), (1, report.device))
        when = [Condition(at=at, value=value) for at, value in places if value is not None]
        return FrameTable(ports=[6], when=when, fields=[*self._head(), *report.fields])

    def _settings(self) -> list[CommandTable]:
        """What every device answers: that it was set, and how it is set."""
        status = FieldTable(name="Status", at=2, words={"0": "Success"}, otherwise="Failure")
        times = [
            FieldTable(name="MinTime", at=2, size=2),
            FieldTable(name="MaxTime", at=4, size=2),
        ]
        if self.battery_change:
            times.append(FieldTable(name="BatteryChange", at=6, divide=10))
        return [
            CommandTable(0x81, "ConfigReportRsp", [status]),
            CommandTable(0x82, "ReadConfigReportRsp", times),
        ]

    def _command(self, command: CommandTable) -> FrameTable:
        name = FieldTable(name="Cmd", constant=command.name)
        return FrameTable(
            ports=[7],
            when=[Condition(at=0, value=command.number)],
            fields=[name, self._device(), *command.fields],
        )
