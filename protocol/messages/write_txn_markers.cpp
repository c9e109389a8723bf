#include "protocol/messages/write_txn_markers.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::WriteTxnMarkersRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::WriteTxnMarkersResponse);
