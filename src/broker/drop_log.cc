#include "broker/drop_log.h"

#include <utility>

namespace vmq::broker {

std::optional<DropLog::Report> DropLog::add(ClientNumber client, std::string_view client_id,
                                            hooks::DropReason reason) {
    const auto known = clients_.find(client);
    if (known != clients_.end()) {
        ++known->second.messages;
        known->second.reason = reason;
        return std::nullopt;
    }
    if (clients_.size() >= kMaxClients) {
        ++others_.messages;
        others_.reason = reason;
        return std::nullopt;
    }
    clients_.emplace(client, Report{std::string(client_id), 0, 1, reason});
    return Report{std::string(client_id), 1, 1, reason};
}

std::vector<DropLog::Report> DropLog::take_due() {
    std::vector<Report> reports;
    Report rest = std::exchange(others_, Report{"", 0, 0});
    for (auto at = clients_.begin(); at != clients_.end();) {
        Report& client = at->second;
        if (client.messages == 0) {
            clients_.erase(at++);
            continue;
        }
        if (reports.size() < kMaxLines) {
            reports.push_back(client);
        } else {
            rest.messages += client.messages;
            rest.reason = client.reason;
            ++rest.clients;
        }
        client.messages = 0;
        ++at;
    }
    if (rest.messages > 0) reports.push_back(std::move(rest));
    return reports;
}

}  // namespace vmq::broker
