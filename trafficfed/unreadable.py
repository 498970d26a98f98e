"""What msgspec raises for bytes that are not what they should be: text that is no UTF-8 is an error of its own."""

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
