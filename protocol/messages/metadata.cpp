#include "protocol/messages/metadata.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::MetadataRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::MetadataResponse);
