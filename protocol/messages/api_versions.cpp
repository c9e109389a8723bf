#include "protocol/messages/api_versions.hpp"

MILLRACE_MESSAGE_CODEC(millrace::protocol::ApiVersionsRequest);
MILLRACE_MESSAGE_CODEC(millrace::protocol::ApiVersionsResponse);
