#include "protocol/messages/delete_records.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::DeleteRecordsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::DeleteRecordsResponse);
