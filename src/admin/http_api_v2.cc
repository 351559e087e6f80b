#include "admin/http_api_v2.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <utility>

#include "admin/commands/writers.h"
#include "admin/http_api.h"
#include "admin/http_target.h"

namespace vmq::admin {
namespace {

namespace json = boost::json;

HttpResponse answer(const json::value& value) {
    return {200, "application/json", json::serialize(value)};
}

HttpResponse client(const ApiV2Call& call, commands::Node& node) {
    const auto found = node.client(call.session, call.topics);
    json::object result;
    // VerneMQ's words: there is no queue, or it could not be asked.
    if (!found) {
        result["status"] = "unknown";
    } else if (!found.value()) {
        result["status"] = "no_queue";
    } else {
        result["status"] = found.value()->online ? "online" : "offline";
    }
    if (call.topics) {
        json::object topics;
        if (found && found.value()) {
            for (const auto& [filter, qos] : found.value()->topics) {
                topics[commands::valid_utf8(filter)] = qos;
            }
        }
        if (topics.empty()) {
            result["topics"] = json::array();
        } else {
            result["topics"] = std::move(topics);
        }
    }
    return answer(result);
}

HttpResponse disconnect(const ApiV2Call& call, commands::Node& node) {
    const auto gone = node.disconnect(call.session, call.cleanup);
    if (!gone) return answer("unknown");
    return answer(gone.value() ? "ok" : "not_found");
}

}  // namespace

std::variant<ApiV2Call, HttpResponse> plan_api_v2_call(const HttpRequest& request) {
    ApiV2Call call;
    const std::string_view word = path_of(request.target).substr(kApiV2Prefix.size());
    if (word == "disconnect") {
        call.what = ApiV2Call::What::Disconnect;
    } else if (word != "client") {
        return api_error(400, "invalid_command", "There are client and disconnect.");
    }
    const bool changes = call.what == ApiV2Call::What::Disconnect;
    const bool possible = request.method == "GET" || request.method == (changes ? "POST" : "HEAD");
    if (!possible) {
        HttpResponse refused = api_error(405, "this method is not possible here");
        refused.headers.emplace_back("Allow",
                                     changes ? "GET, POST, OPTIONS" : "GET, HEAD, OPTIONS");
        return refused;
    }
    if (changes) {
        if (auto refused = cross_site_refusal(request)) return std::move(*refused);
    }
    if (!request.body.empty()) return api_error(400, "a body means nothing here");
    const auto query = query_of(request.target);
    if (!query) return api_error(400, "the query cannot be decoded");
    for (const QueryPart& part : *query) {
        if (part.name == "client_id" && part.value) {
            call.session.client_id = *part.value;
        } else if (part.name == "mountpoint" && part.value) {
            call.session.mountpoint = *part.value;
        } else if (part.name == "topics" && !changes && !part.value) {
            call.topics = true;
        } else if (part.name == "cleanup" && changes && !part.value) {
            call.cleanup = true;
        } else {
            return api_error(400, "not understood: " + part.name,
                             changes ? "client_id=C, mountpoint=M, cleanup"
                                     : "client_id=C, mountpoint=M, topics");
        }
    }
    if (call.session.client_id.empty()) return api_error(400, "client_id is missing");
    return call;
}

HttpResponse run_api_v2_call(const ApiV2Call& call, commands::Node& node) {
    return call.what == ApiV2Call::What::Client ? client(call, node) : disconnect(call, node);
}

}  // namespace vmq::admin
