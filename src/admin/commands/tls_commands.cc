// tls: the certificates of the listeners.
#include <fmt/chrono.h>
#include <fmt/core.h>

#include <chrono>
#include <ctime>
#include <string>
#include <utility>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

constexpr std::int64_t kTwoDays = 172'800;

Cell date(const CertificateView& certificate, std::int64_t seconds) {
    if (!certificate.problem.empty()) return {};
    return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

Cell name(const CertificateView& certificate, const std::string& text) {
    if (!certificate.problem.empty()) return {};
    return text.empty() ? Cell(Undefined{}) : Cell(text);
}

Answer show_certificates(const Invocation& /*invocation*/, Node& node) {
    Table result{{"File", "Not_Before", "Not_After", "CN", "Issuer", "SAN"}, {}};
    bool unreadable = false;
    const auto all = node.certificates();
    for (const CertificateView& each : all) unreadable = unreadable || !each.problem.empty();
    if (unreadable) result.columns.emplace_back("Error");
    for (const CertificateView& each : all) {
        std::string names;
        for (const std::string& alternative : each.alternative_names) {
            names += (names.empty() ? "" : " ") + alternative;
        }
        std::vector<Cell> row{each.file,
                              date(each, each.not_before),
                              date(each, each.not_after),
                              name(each, each.common_name),
                              name(each, each.issuer),
                              each.problem.empty() ? Cell(names) : Cell()};
        if (unreadable) row.emplace_back(each.problem);
        result.rows.push_back(std::move(row));
    }
    return table(std::move(result));
}

Answer check(const Invocation& invocation, Node& node) {
    const std::int64_t validity = invocation.integer_or("validity", kTwoDays);
    const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                                 std::chrono::system_clock::now().time_since_epoch())
                                 .count();
    Table due{{"File", "Not_Before", "Not_After", "SecExp", "SecToVal"}, {}};
    for (const CertificateView& each : node.certificates()) {
        const std::int64_t left = each.not_after - now;
        const std::int64_t until_valid = each.not_before - now;
        if (each.problem.empty() && left >= validity && until_valid <= 0) continue;
        const bool readable = each.problem.empty();
        due.rows.push_back({each.file, date(each, each.not_before), date(each, each.not_after),
                            readable ? Cell(left) : Cell(), readable ? Cell(until_valid) : Cell()});
    }
    return due.rows.empty() ? text("All fine") : table(std::move(due));
}

Answer reload_certificates(const Invocation& /*invocation*/, Node& node) {
    node.reload_certificates();
    return done();
}

}  // namespace

void add_tls_commands(Declarations& table) {
    table.groups.push_back({"tls", "Manage the certificates of listeners."});
    table.commands.push_back({.words = "tls show",
                              .summary = "Shows the certificates of all listeners.",
                              .help = {},
                              .arguments = {},
                              .flags = {},
                              .run = show_certificates});
    table.commands.push_back(
        {.words = "tls check",
         .summary = "Shows the certificates that expire soon or are not valid yet.",
         .help = {},
         .arguments = {},
         .flags = {{"validity", 'v', Takes::Value, "s", "How soon; two days by default.",
                    ValueType::Integer, 0}},
         .run = check});
    for (const auto& [words, summary] :
         {std::pair("tls reload", "Loads certificates, keys, revocation lists and PSK files anew."),
          std::pair("tls clear-pem-cache", "The same, under VerneMQ's name.")}) {
        table.commands.push_back({.words = words,
                                  .summary = summary,
                                  .help = "The broker does it by itself when the files change. "
                                          "Connections go on; the log says what failed.",
                                  .arguments = {},
                                  .flags = {},
                                  .access = Access::Change,
                                  .run = reload_certificates});
    }
}

}  // namespace vmq::admin::commands
