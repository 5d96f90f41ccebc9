"""How questions and answers are told apart on the pipe to the deciding process: a four-byte length before each."""

import struct

LENGTH = struct.Struct(">I")
