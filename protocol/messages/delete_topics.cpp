#include "protocol/messages/delete_topics.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::DeleteTopicsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::DeleteTopicsResponse);
