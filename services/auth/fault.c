/* The rows of TOKEN_FAULTS as tables. */
#include "services/auth/fault.h"

static const struct {
    const char *word;
    const char *sentence;
} faults[TOKEN_FAULT_COUNT] = {
#define FAULT_ROW(symbol, word_, sentence_) { word_, sentence_ },
    TOKEN_FAULTS(FAULT_ROW)
#undef FAULT_ROW
};

const char *
token_fault_word(enum token_fault fault)
{
    return faults[fault].word;
}

const char *
token_fault_sentence(enum token_fault fault)
{
    return faults[fault].sentence;
}
