#include "protocol/messages/offset_fetch.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::OffsetFetchRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::OffsetFetchResponse);
