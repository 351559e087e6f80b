#include "admin/query/drop_table.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "admin/query/session_table.h"

namespace vmq::admin::query {
namespace {

constexpr std::array kDropFields{
    Field{"reason", Type::Text, "why they were not delivered", true},
    Field{"by", Type::Text, "what is counted in this row: reason, client or topic", true},
    Field{"mountpoint", Type::Text, "mountpoint of the client"},
    Field{"client_id", Type::Text, "client that did not get them, or published them", true},
    Field{"topic", Type::Text, "first levels of the topic", true},
    Field{"messages", Type::Integer, "messages since the node started", true},
    Field{"excess", Type::Integer, "at most so many of them are others'"},
};

class DropRow final : public Row {
public:
    explicit DropRow(std::array<Value, kDropFields.size()> cells) : cells_(std::move(cells)) {}

    [[nodiscard]] Value value(std::size_t field) const override { return cells_[field]; }

private:
    std::array<Value, kDropFields.size()> cells_;
};

void add_rows(const broker::DropPicture& drops, Selection& selection) {
    for (std::size_t i = 0; i < drops.totals.size(); ++i) {
        if (drops.totals[i] == 0) continue;
        selection.add(DropRow({text_value(name_of(static_cast<broker::Undelivered>(i))),
                               text_value("reason"),
                               {},
                               {},
                               {},
                               number_value(drops.totals[i]),
                               number_value(0)}));
    }
    for (const auto& client : drops.clients) {
        selection.add(DropRow({text_value(name_of(client.reason)),
                               text_value("client"),
                               text_value(client.mountpoint),
                               text_value(client.client_id),
                               {},
                               number_value(client.messages),
                               number_value(client.excess)}));
    }
    for (const auto& topic : drops.topics) {
        selection.add(DropRow({text_value(name_of(topic.reason)),
                               text_value("topic"),
                               {},
                               {},
                               text_value(topic.prefix),
                               number_value(topic.messages),
                               number_value(topic.excess)}));
    }
}

}  // namespace

std::span<const Field> DropTable::all_fields() noexcept { return kDropFields; }

std::vector<std::string> DropTable::scan(const Statement& statement, Selection& selection) {
    const Millis patience = statement.row_timeout().value_or(kRowTimeout);
    const broker::DropAnswer answer = broker::read_drops(broker_, patience);
    add_rows(answer.drops, selection);
    std::vector<std::string> missing;
    missing.reserve(answer.silent.size());
    for (const ShardId shard : answer.silent) {
        missing.push_back("Shard " + std::to_string(shard) + " has not answered within " +
                          std::to_string(patience.count()) + " ms: what it dropped is missing");
    }
    return missing;
}

}  // namespace vmq::admin::query
