// Version 2 of the API: one client by its name, answered by the one shard that knows. No sockets.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "admin/commands/node.h"
#include "admin/http_message.h"

namespace vmq::admin {

inline constexpr std::string_view kApiV2Prefix = "/api/v2/";

struct ApiV2Call {
    enum class What : std::uint8_t { Client, Disconnect };
    What what = What::Client;
    commands::SessionName session;
    bool topics = false;   // of Client
    bool cleanup = false;  // of Disconnect
};

/// What `request`, whose path begins with kApiV2Prefix, asks for, or why it cannot be had.
[[nodiscard]] std::variant<ApiV2Call, HttpResponse> plan_api_v2_call(const HttpRequest& request);

/// Runs it, and waits for it; not on the server's thread.
[[nodiscard]] HttpResponse run_api_v2_call(const ApiV2Call& call, commands::Node& node);

}  // namespace vmq::admin
