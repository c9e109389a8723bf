#include "protocol/messages/offset_commit.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::OffsetCommitRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::OffsetCommitResponse);
