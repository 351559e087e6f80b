#include "admin/http_api.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cctype>
#include <optional>
#include <utility>

#include "admin/commands/parser.h"
#include "admin/commands/writers.h"
#include "admin/http_target.h"

namespace vmq::admin {
namespace {

namespace json = boost::json;
using commands::Access;
using commands::Command;
using commands::CommandTable;
using Line = std::vector<std::string>;

constexpr std::string_view kJson = "application/json";
/// VerneMQ's short names: alone they show, with more they stand for the word.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPlurals{
    {{"sessions", "session"}, {"listeners", "listener"}, {"plugins", "plugin"}}};

HttpResponse answer(unsigned status, std::string body) {
    return {status, std::string(kJson), std::move(body)};
}

HttpResponse not_allowed(std::string_view text, std::string allowed) {
    HttpResponse response = api_error(405, text);
    response.headers.emplace_back("Allow", std::move(allowed));
    return response;
}

/// Nothing: somebody tries to get an argument or a flag past as a word.
std::optional<Line> words_of(std::string_view path) {
    auto words = path_segments(path);
    if (!words) return std::nullopt;
    for (const std::string& word : *words) {
        if (word.starts_with('-') || word.find('=') != std::string::npos) return std::nullopt;
    }
    for (const auto& [plural, word] : kPlurals) {
        if (words->front() != plural) continue;
        words->front() = word;
        if (words->size() == 1) words->emplace_back("show");
    }
    if (words->size() == 1 && words->front() == "cluster") words->emplace_back("show");
    return words;
}

/// The command that `words` begin with; the rest are keys.
const Command* command_of(const CommandTable& table, const Line& words) {
    const Command* found = nullptr;
    std::string path;
    for (const std::string& word : words) {
        path += (path.empty() ? "" : " ") + word;
        const Command* command = table.find_command(path);
        if (command != nullptr) found = command;
    }
    return found;
}

/// Appends the query; the name of what cannot be understood, if there is such.
std::optional<std::string> append_query(const std::vector<QueryPart>& query, Line& line) {
    for (const QueryPart& part : query) {
        if (!part.value && !part.name.starts_with('-')) return part.name;
        line.push_back(part.name + (part.value ? "=" + *part.value : ""));
    }
    return std::nullopt;
}

std::optional<std::string> text_of(const json::value& value) {
    if (value.is_string())
        return std::string(value.get_string().c_str(), value.get_string().size());
    if (value.is_bool()) return value.get_bool() ? "true" : "false";
    if (value.is_number()) return json::serialize(value);
    return std::nullopt;
}

bool is_name(std::string_view name) {
    return !name.empty() && !name.starts_with('-') && name.find('=') == std::string_view::npos;
}

/// Appends `arguments` and `flags` of a JSON body; what is wrong with it, if anything.
class BodyReader final {
public:
    explicit BodyReader(Line& line) : line_(line) {}

    std::string read(std::string_view body) {
        json::error_code error;
        const json::value value = json::parse({body.data(), body.size()}, error);
        const json::object* object = error ? nullptr : value.if_object();
        if (object == nullptr) return "the body is no JSON object";
        for (const auto& [name, part] : *object) {
            const json::object* members = part.if_object();
            if (members == nullptr || (name != "arguments" && name != "flags")) {
                return "the body has members other than the objects arguments and flags";
            }
            for (const auto& [key, content] : *members) {
                const std::string_view text(key.data(), key.size());
                const bool good = is_name(text) && (name == "flags" ? add_flag(text, content)
                                                                    : add_argument(text, content));
                if (!good) {
                    return "a member of " + std::string(name.data(), name.size()) +
                           " is no text, number, true or false";
                }
            }
        }
        return {};
    }

private:
    bool add_argument(std::string_view name, const json::value& value) {
        const auto text = text_of(value);
        if (text) line_.push_back(std::string(name) + "=" + *text);
        return text.has_value();
    }
    /// true is a flag without a value, false one that is not there.
    bool add_flag(std::string_view name, const json::value& value) {
        const std::string flag = "--" + std::string(name);
        if (value.is_bool()) {
            if (value.get_bool()) line_.push_back(flag);
            return true;
        }
        const auto text = text_of(value);
        if (text) line_.push_back(flag + "=" + *text);
        return text.has_value();
    }

    Line& line_;
};

/// The texts of an answer in one line.
std::string text_of(const commands::Answer& said) {
    std::string text;
    for (const commands::Element& element : said.elements) {
        if (const auto* part = std::get_if<commands::Text>(&element)) text += part->text;
        if (const auto* part = std::get_if<commands::Alert>(&element)) text += part->text;
    }
    const std::size_t end = text.find_last_not_of(" \n");
    return text.substr(0, end == std::string::npos ? 0 : end + 1);
}

HttpResponse unknown_command(const CommandTable& table, const Line& words) {
    const commands::Parsed parsed = commands::parse(table, words);
    const auto* said = std::get_if<commands::Answer>(&parsed.what);
    return api_error(400, "there is no such command", said == nullptr ? "" : said->hint);
}

bool is_json(std::string_view content_type) {
    return content_type.substr(
               0, std::min(content_type.find_first_of("; "), content_type.size())) == kJson;
}

bool same_text(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// `url`, of which only the origin counts, is not of the host that was asked.
bool is_elsewhere(std::string_view url, std::string_view host) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return true;  // "null"
    url.remove_prefix(scheme + 3);
    return !same_text(url.substr(0, url.find_first_of("/?#")), host);
}

/// A page of another origin has made a browser send `request`, and the browser says so.
bool from_another_site(const HttpRequest& request) {
    // A browser that tells it does so of itself, whatever a proxy has done with Host.
    if (!request.fetch_site.empty()) {
        return request.fetch_site != "same-origin" && request.fetch_site != "none";
    }
    const std::string_view whose = request.origin.empty() ? request.referer : request.origin;
    return !whose.empty() && is_elsewhere(whose, request.host);
}

/// All of them say so, and no page can make one say something else. With plain HTTP none sends
/// Sec-Fetch-Site, with GET none Origin, and Referer is what the page wants it to be.
bool is_browser(std::string_view user_agent) {
    if (user_agent.find("PowerShell/") != std::string_view::npos) return false;
    return user_agent.starts_with("Mozilla/") || user_agent.starts_with("Opera/");
}

HttpResponse for_a_terminal(std::string_view what) {
    return api_error(
        403, "`" + std::string(what) + "` is for a terminal of the machine: use vmq-admin there");
}

/// Nothing: `request` may run `command`.
std::optional<HttpResponse> refusal(const HttpRequest& request, const Command& command) {
    if (!runs_over_http(command)) return for_a_terminal(command.words);
    const bool changes = command.access == Access::Change;
    if (request.method == "POST" && !changes) {
        return not_allowed("this command changes nothing: use GET", "GET, HEAD, OPTIONS");
    }
    if (request.method == "HEAD" && changes) {
        return not_allowed("this command changes something: use POST", "GET, POST, OPTIONS");
    }
    // A browser that has the key sends it along for whoever asks; VerneMQ's GET needs no more.
    return changes ? cross_site_refusal(request) : std::nullopt;
}

/// Nothing: none of its flags is for a terminal only.
std::optional<HttpResponse> refusal(const commands::Invocation& invocation) {
    const Command& command = invocation.command();
    for (const commands::Flag& flag : command.flags) {
        if (!flag.local || !invocation.has(flag.name)) continue;
        return for_a_terminal(std::string(command.words) + " --" + std::string(flag.name));
    }
    return std::nullopt;
}

}  // namespace

std::optional<HttpResponse> cross_site_refusal(const HttpRequest& request) {
    if (from_another_site(request)) {
        return api_error(403, "pages of other sites may change nothing here");
    }
    const bool told =
        !request.fetch_site.empty() || !request.origin.empty() || !request.referer.empty();
    if (request.method != "GET" || told || !is_browser(request.user_agent)) return std::nullopt;
    return api_error(403, "a browser has sent this and does not say for whose page",
                     "Use POST, HTTPS, or a program that is no browser, such as curl.");
}

bool runs_over_http(const Command& command) noexcept {
    return command.access != Access::Local && !command.streams;
}

HttpResponse api_error(unsigned status, std::string_view text, std::string_view hint) {
    json::object object;
    object["error"] = json::string(commands::valid_utf8(text));
    if (!hint.empty()) object["hint"] = json::string(commands::valid_utf8(hint));
    return answer(status, json::serialize(object));
}

HttpResponse api_options() {
    HttpResponse response{204, {}, {}};
    response.headers = {{"Access-Control-Allow-Origin", "*"},
                        {"Access-Control-Allow-Methods", "HEAD, GET, POST"},
                        {"Access-Control-Allow-Headers", "content-type, authorization, x-api-key"},
                        {"Access-Control-Max-Age", "1728000"},
                        {"Allow", "GET, HEAD, POST, OPTIONS"}};
    return response;
}

std::variant<ApiCall, HttpResponse> plan_api_call(const HttpRequest& request,
                                                  const CommandTable& table) {
    if (request.method != "GET" && request.method != "HEAD" && request.method != "POST") {
        return not_allowed("only GET, HEAD, POST and OPTIONS are possible here",
                           "GET, HEAD, POST, OPTIONS");
    }
    const auto words = words_of(path_of(request.target).substr(kApiPrefix.size()));
    if (!words) return api_error(400, "the path does not consist of the words of a command");
    const Command* command = command_of(table, *words);
    if (command == nullptr) return unknown_command(table, *words);
    if (auto refused = refusal(request, *command)) return std::move(*refused);
    ApiCall call{command, *words};
    const auto query = query_of(request.target);
    if (!query) return api_error(400, "the query cannot be decoded");
    if (const auto odd = append_query(*query, call.line)) {
        return api_error(400, "there is no value for: " + *odd,
                         "Arguments are NAME=VALUE, flags begin with --.");
    }
    if (!request.body.empty()) {
        if (!is_json(request.content_type)) {
            return api_error(415, "a body has to be JSON",
                             "Send the header content-type: application/json.");
        }
        if (const auto problem = BodyReader(call.line).read(request.body); !problem.empty()) {
            return api_error(400, problem,
                             R"({"arguments":{"client-id":"c"},"flags":{"cleanup":true}})");
        }
    }
    return call;
}

HttpResponse run_api_call(const ApiCall& call, const CommandTable& table, commands::Node& node) {
    const commands::Parsed parsed = commands::parse(table, call.line);
    commands::Answer said;
    if (const auto* refused = std::get_if<commands::Answer>(&parsed.what)) {
        said = *refused;
    } else {
        const auto& invocation = std::get<commands::Invocation>(parsed.what);
        // The words of the path have been looked at, and nothing else leads to another command.
        if (&invocation.command() != call.command)
            return api_error(400, "there is no such command");
        if (auto local = refusal(invocation)) return std::move(*local);
        said = call.command->run(invocation, node);
    }
    if (said.status != 0) return api_error(400, text_of(said), said.hint);
    said.plain = false;  // help is JSON as well
    return answer(200, commands::print(said, commands::Format::Json, false).out);
}

}  // namespace vmq::admin
