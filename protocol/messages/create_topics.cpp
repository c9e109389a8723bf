#include "protocol/messages/create_topics.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::CreateTopicsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::CreateTopicsResponse);
