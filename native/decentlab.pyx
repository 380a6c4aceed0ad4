"""Decentlab: one engine for the whole family; a device is a table of value groups.

Frame, big-endian: version u8 = 2, device id u16, flags u16; then, for each flag that is set from bit
0 up, that group's 16-bit words. A value is a formula over its group's words x0, x1, …, for instance
"175.72 * x0 / 65536 - 46.85"; it may use + - * / **, parentheses, min, max, log and the device's own
constants. Formulas are compiled once; the decode is plain double arithmetic.
"""

import ast

cimport cython
from cpython.dict cimport PyDict_Copy
from libc.math cimport fmax, fmin, isfinite, log, pow

cdef enum:
    MAX_STEPS = 96
    MAX_DEPTH = 16
    MAX_WORDS = 32

cdef enum:  # the operations of a step
    NUMBER, WORD, NEGATE, LOG, ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER, MINIMUM, MAXIMUM

_OPERATORS = {
    ast.Add: ADD, ast.Sub: SUBTRACT, ast.Mult: MULTIPLY, ast.Div: DIVIDE, ast.Pow: POWER,
}
_FUNCTIONS = {"min": (MINIMUM, 2), "max": (MAXIMUM, 2), "log": (LOG, 1)}

cdef struct Step:
    int op
    int word
    double number


cdef class Value:
    """A named value of a group: its formula, compiled to a stack machine, and what surrounds it.

    ValueError if the formula is anything but arithmetic over `words` words and the constants.
    """

    cdef str name
    cdef dict template
    cdef Step[MAX_STEPS] steps
    cdef int length
    cdef int words
    cdef dict constants

    def __init__(self, str name, str display, unit, str text, int words, dict constants):
        self.name, self.length, self.words, self.constants = name, 0, words, constants
        self.template = {"displayName": display, "value": None}
        if unit is not None:
            self.template["unit"] = unit
        try:
            depth = self._compile(ast.parse(text, mode="eval").body)
        except (SyntaxError, RecursionError, OverflowError):
            raise ValueError(f"{text!r} is not a formula") from None
        if depth > MAX_DEPTH:
            raise ValueError(f"{text!r} nests deeper than {MAX_DEPTH}")

    cdef int _compile(self, node) except -1:
        """Append the steps of `node`; how deep the stack gets."""
        cdef int left, right
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = self._compile(node.left), self._compile(node.right)
            self._append(_OPERATORS[type(node.op)], 0, 0)
            return left if left > right else <int>(right + 1)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            left = self._compile(node.operand)
            self._append(NEGATE, 0, 0)
            return left
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._compile_call(node.func.id, node.args)
        return self._compile_leaf(node)

    cdef int _compile_call(self, name, arguments) except -1:
        op, count = _FUNCTIONS.get(name, (None, 0))
        if op is None or len(arguments) != count:
            raise ValueError(f"{name} with {len(arguments)} arguments; known are {sorted(_FUNCTIONS)}")
        depth = max(i + self._compile(argument) for i, argument in enumerate(arguments))
        self._append(op, 0, 0)
        return depth

    cdef int _compile_leaf(self, node) except -1:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            self._append(NUMBER, 0, node.value)
        elif isinstance(node, ast.Name) and node.id in self.constants:
            self._append(NUMBER, 0, self.constants[node.id])
        elif isinstance(node, ast.Name) and node.id in [f"x{i}" for i in range(self.words)]:
            self._append(WORD, int(node.id[1:]), 0)
        else:
            raise ValueError(f"{ast.unparse(node)!r} is neither a number, a constant nor one of the words")
        return 1

    cdef int _append(self, int op, int word, double number) except -1:
        if self.length == MAX_STEPS:
            raise ValueError(f"more than {MAX_STEPS} steps")
        self.steps[self.length] = Step(op, word, number)
        self.length += 1
        return 0

    cdef double of(self, const double* words) noexcept:
        cdef double[MAX_DEPTH + 1] stack
        cdef int i, top = -1
        cdef int op
        for i in range(self.length):
            op = self.steps[i].op
            if op == NUMBER or op == WORD:
                top += 1
                stack[top] = self.steps[i].number if op == NUMBER else words[self.steps[i].word]
            elif op == NEGATE:
                stack[top] = -stack[top]
            elif op == LOG:
                stack[top] = log(stack[top])
            else:
                top -= 1
                stack[top] = _apply(op, stack[top], stack[top + 1])
        return stack[0]


@cython.cdivision(True)  # x / 0 is infinite here, and left out by the caller
cdef double _apply(int op, double a, double b) noexcept:
    if op == ADD:
        return a + b
    if op == SUBTRACT:
        return a - b
    if op == MULTIPLY:
        return a * b
    if op == DIVIDE:
        return a / b
    if op == POWER:
        return pow(a, b)
    return fmin(a, b) if op == MINIMUM else fmax(a, b)


cdef class Decoder:
    """A device of the family.

    `groups`, from flag bit 0 up: (number of words, values); a value: (name, display name, unit or
    None, formula). `constants`: what the formulas may name beside the words. ValueError if a formula
    cannot be compiled.
    """

    cdef list groups

    def __init__(self, groups, constants=None):
        self.groups = []
        for words, values in groups:
            if not 1 <= words <= MAX_WORDS:
                raise ValueError(f"a group of {words} words; 1 to {MAX_WORDS} are possible")
            self.groups.append((words, [
                Value(name, display, unit, formula, words, dict(constants or {}))
                for name, display, unit, formula in values
            ]))

    def decode(self, int f_port, bytes payload not None):
        """Decode one uplink; the port does not matter. A value that is no number is left out."""
        cdef const unsigned char* p = payload
        cdef Py_ssize_t n = len(payload), at = 5
        cdef int flags
        if n and p[0] != 2:
            return {"data": {"error": f"protocol version {p[0]} doesn't match v2"}}
        if n < 5:
            return {"errors": [f"{n} bytes are too few for a header"]}
        cdef dict data = {"protocol_version": 2, "device_id": p[1] << 8 | p[2]}
        cdef list warnings = []
        flags = p[3] << 8 | p[4]
        for words, values in self.groups:
            if flags & 1:
                if at + 2 * words > n:
                    return {"errors": [f"{n} bytes are too few for the flags {p[3] << 8 | p[4]:04x}"]}
                _put_group(data, warnings, p + at, words, values)
                at += 2 * <int>words
            flags >>= 1
        return {"data": data, "warnings": warnings} if warnings else {"data": data}


cdef int _put_group(
    dict data, list warnings, const unsigned char* p, int count, list values
) except -1:
    cdef double[MAX_WORDS] words
    cdef double number
    cdef dict entry
    cdef Value value
    cdef int i
    for i in range(count):
        words[i] = p[2 * i] << 8 | p[2 * i + 1]
    for value in values:
        number = value.of(words)
        if not isfinite(number):
            warnings.append(f"{value.name} is not a number")
            continue
        entry = PyDict_Copy(value.template)
        entry["value"] = number
        data[value.name] = entry
    return 0
