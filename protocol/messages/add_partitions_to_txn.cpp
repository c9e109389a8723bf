#include "protocol/messages/add_partitions_to_txn.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::AddPartitionsToTxnRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::AddPartitionsToTxnResponse);
