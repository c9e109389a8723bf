#include "protocol/messages/transaction_records.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::TransactionLogKey);
MILLRACE_MESSAGE_CODEC(millrace::protocol::TransactionLogValue);
