def rounded(rate: float, digits: int) -> float:
    return round(rate, digits)
