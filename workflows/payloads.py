"""How commands, receipts and states become payloads: pydantic's JSON, by one converter for the whole process."""

import dataclasses
from typing import Self

from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec


class SharedPayloadConverter(PydanticPayloadConverter):
    """The SDK's pydantic converter, made once.

    The SDK makes a payload converter anew for each workflow activation; this one has no state but its cache of
    adapters, which would be empty every time.
    """

    _shared: "SharedPayloadConverter | None" = None

    def __new__(cls) -> Self:
        if not isinstance(cls._shared, cls):
            cls._shared = super().__new__(cls)
        return cls._shared

    def __init__(self) -> None:
        if "converters" not in self.__dict__:
            super().__init__()


DATA_CONVERTER = DataConverter(payload_converter_class=SharedPayloadConverter)


def data_converter(codec: PayloadCodec | None) -> DataConverter:
    """The converter whose payloads go through a codec, and with them the words of failures."""
    if codec is None:
        return DATA_CONVERTER
    return dataclasses.replace(
        DATA_CONVERTER, payload_codec=codec, failure_converter_class=DefaultFailureConverterWithEncodedAttributes
    )
