#include "protocol/messages/add_offsets_to_txn.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::AddOffsetsToTxnRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::AddOffsetsToTxnResponse);
