#include "protocol/messages/offset_delete.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::OffsetDeleteRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::OffsetDeleteResponse);
