#include "protocol/messages/list_offsets.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ListOffsetsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ListOffsetsResponse);
