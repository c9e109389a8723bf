#include "protocol/messages/txn_offset_commit.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::TxnOffsetCommitRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::TxnOffsetCommitResponse);
