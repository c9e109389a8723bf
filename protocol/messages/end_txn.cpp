#include "protocol/messages/end_txn.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::EndTxnRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::EndTxnResponse);
