// Any bytes as what an HTTP request can say: nothing breaks, paths and queries are decoded as they
// were encoded, and what is planned is a command that may be run with that method.
#include "admin/http_api.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "admin/api_key_store.h"
#include "admin/commands/parser.h"
#include "admin/commands/table.h"
#include "admin/http_api_v2.h"
#include "admin/http_credentials.h"
#include "admin/http_modules.h"
#include "admin/http_routes.h"
#include "admin/http_target.h"
#include "admin/metrics_text.h"
#include "admin/view_sample.h"
#include "base/assert.h"

namespace vmq::admin {
namespace {

std::string escaped(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string result;
    for (const char each : text) {
        const auto byte = static_cast<unsigned char>(each);
        result += '%';
        result += kDigits[byte >> 4U];
        result += kDigits[byte & 15U];
    }
    return result;
}

void check_target(std::string_view text) {
    if (const auto segments = path_segments(text)) {
        for (const std::string& segment : *segments) {
            VMQ_ASSERT(!segment.empty() && segment != "." && segment != "..");
            VMQ_ASSERT(segment.find('/') == std::string::npos);
            VMQ_ASSERT(path_segments(escaped(segment)).value() == std::vector{segment});
        }
    }
    if (text.empty()) return;
    const auto query = query_of("?" + escaped(text) + "=" + escaped(text));
    VMQ_ASSERT(query && query->size() == 1 && query->front().name == text &&
               query->front().value == text);
}

void check_json(const HttpResponse& response) {
    boost::json::error_code error;
    (void)boost::json::parse(response.body, error);
    VMQ_ASSERT(!error && response.status >= 400);
}

void check_request(const HttpRequest& request) {
    const HttpSources sources{sample_view, [] { return std::string(); }};
    const HttpModules modules;
    const auto response = respond(request, modules, sources);
    VMQ_ASSERT(response.status == 200 || response.status >= 400);
    const auto& table = commands::command_table();
    const auto module = guarded_module(path_of(request.target));
    if (module == HttpModule::Api) {
        const auto plan = plan_api_call(request, table);
        if (const auto* refused = std::get_if<HttpResponse>(&plan)) return check_json(*refused);
        const auto& call = std::get<ApiCall>(plan);
        const auto access = call.command->access;
        VMQ_ASSERT(runs_over_http(*call.command));
        VMQ_ASSERT(request.method != "HEAD" || access == commands::Access::Read);
        VMQ_ASSERT(request.method != "POST" || access == commands::Access::Change);
        const auto parsed = commands::parse(table, call.line);
        if (const auto* invocation = std::get_if<commands::Invocation>(&parsed.what)) {
            VMQ_ASSERT(&invocation->command() == call.command);
        }
    } else if (module == HttpModule::ApiV2) {
        const auto plan = plan_api_v2_call(request);
        if (const auto* refused = std::get_if<HttpResponse>(&plan)) return check_json(*refused);
        VMQ_ASSERT(!std::get<ApiV2Call>(plan).session.client_id.empty());
    }
}

}  // namespace
}  // namespace vmq::admin

// One line each: method, target, header of the key; the rest is a body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::admin;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const auto line = [&rest] {
        const std::string_view taken = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(taken.size() + 1, rest.size()));
        return taken;
    };
    HttpRequest request;
    request.method = line();
    request.target = line();
    const std::string_view credentials = line();
    request.content_type = "application/json";
    request.body = rest;
    check_target(request.target);
    check_request(request);
    VMQ_ASSERT(shown_key(credentials, "").size() <= credentials.size());
    VMQ_ASSERT(shown_key("", credentials) == credentials);
    if (const auto facts = api_keys_from_json(rest)) {
        const auto again = api_keys_from_json(api_keys_to_json(facts.value()));
        VMQ_ASSERT(again && again.value().size() == facts.value().size());
    }
    return 0;
}
