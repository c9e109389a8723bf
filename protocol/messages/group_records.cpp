#include "protocol/messages/group_records.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::OffsetCommitKey);
MILLRACE_MESSAGE_CODEC(millrace::protocol::OffsetCommitValue);
MILLRACE_MESSAGE_CODEC(millrace::protocol::GroupMetadataKey);
MILLRACE_MESSAGE_CODEC(millrace::protocol::GroupMetadataValue);
